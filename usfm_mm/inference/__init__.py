"""From pictures to answers, without torch: inputs, preparation, answers and their files."""
