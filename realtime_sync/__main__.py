"""``python -m realtime_sync``."""

import sys

from realtime_sync.cli import main

if __name__ == "__main__":
    sys.exit(main())
