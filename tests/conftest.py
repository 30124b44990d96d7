"""For all tests: `corpus` can be imported from everywhere below."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
