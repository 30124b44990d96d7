"""Flask called by the yardstick: python flask_on_yardstick.py PORT

For each request, between receiving and sending. What Flask gives is dropped, and the
yardstick's own answer sent: with less no server can call it.
"""

import ctypes
import os
import sys
import traceback

from servers import BUILD, PEERS
from wsgi_call import call

sys.path.insert(0, str(PEERS))
from flask_app import app


def called() -> None:
    try:
        call(app)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main() -> None:
    library = ctypes.PyDLL(str(BUILD / "libyardstick.so"))
    function = ctypes.cast(ctypes.pythonapi.PyObject_CallNoArgs, ctypes.c_void_p)
    library.yardstick(
        ctypes.c_uint16(int(sys.argv[1])),
        ctypes.c_size_t(0),
        function,
        ctypes.py_object(called),
    )


if __name__ == "__main__":
    main()
