"""A prepared data set in the formats that other trainers read, with the very same split."""
