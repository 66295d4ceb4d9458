"""`python -m jaxae`, the same program as `jaxae`."""

import sys

from jaxae.cli import main

sys.exit(main())
