"""What a potential is worth, in numbers, pictures and one page: errors on data, and laws it obeys."""

from cartesian.nn.report.constant import Constant as Constant
from cartesian.nn.report.evaluation import Comparison as Comparison
from cartesian.nn.report.evaluation import ErrorRow as ErrorRow
from cartesian.nn.report.evaluation import compare as compare
from cartesian.nn.report.evaluation import errors as errors
from cartesian.nn.report.evaluation import mean as mean
from cartesian.nn.report.verification import Check as Check
from cartesian.nn.report.verification import verify as verify
