"""Showing a page in the person's browser, which learns nothing of the settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys

# What browsers and desktops need. Everything else stays here: the tap's own settings, and those of other plugins that
# Meltano passes on.
_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TERM|TMPDIR|BROWSER"
    r"|DISPLAY|WAYLAND_\w+|XAUTHORITY|ICEAUTHORITY|SESSION_MANAGER|DBUS_SESSION_BUS_ADDRESS|DESKTOP_SESSION"
    r"|(XDG|GDK|GTK|GNOME|KDE|QT|MOZ)_\w+|WSL\w*|__CF_USER_TEXT_ENCODING|(https?|no|all)_proxy",
    re.IGNORECASE,
)
_PROGRAM = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
_SECONDS = 15.0


def open_browser(address: str) -> bool:
    """Show an address in the person's browser, if there is a graphical one; never one inside the terminal.

    Other users of this computer can read the address in the browser's command line: it must not hold a secret.
    """
    graphical = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not graphical:
        return False
    environment = {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}
    # In a process of its own: the module `webbrowser` passes on the environment of the one that calls it.
    try:
        opener = subprocess.Popen(  # noqa: S603 - this interpreter, and an address of ours
            [sys.executable, "-I", "-c", _PROGRAM, address],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal does not close the browser
        )
        return opener.wait(_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True  # some stay as long as the browser does
    except OSError:
        return False
