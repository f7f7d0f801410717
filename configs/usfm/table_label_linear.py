# One label per image or clip, from a table: usfm prepare table SCANS data/mine --table T.csv
_base_ = '../_base_/table_linear.py'
