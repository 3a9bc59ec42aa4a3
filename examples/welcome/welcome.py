"""The welcome application: counts visits in PostgreSQL and shows what Polis gave it.

Nothing here knows Polis. The database appears as files, as servicebinding.io describes them; the volume as a folder.
"""

import html
import json
import os
import signal
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2

PORT = int(os.environ.get("PORT", "8080"))
BINDINGS = Path(os.environ.get("SERVICE_BINDING_ROOT", "/polis/bindings"))
VOLUME = Path(os.environ.get("WELCOME_VOLUME", "/polis/data"))
PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
STARTED = time.monotonic()
MOST_FILES = 20


def read_binding(name="db"):
    """The files of a binding, read anew each time: they change when a password is rotated."""
    folder = BINDINGS / name
    names = ("host", "port", "username", "password", "database")
    return {key: (folder / key).read_text(encoding="utf-8").strip() for key in names}


class Visits:
    """The count, over one connection that is made again whenever it does not work."""

    def __init__(self):
        self._lock = threading.Lock()
        self._connection = None

    def _connect(self):
        binding = read_binding()
        connection = psycopg2.connect(
            host=binding["host"],
            port=binding["port"],
            user=binding["username"],
            password=binding["password"],
            dbname=binding["database"],
            connect_timeout=3,
            application_name="welcome",
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 3000")
            # Two tasks may start at once: the one that comes second finds the table.
            cursor.execute("SELECT pg_advisory_lock(4750)")
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS visits ("
                "one boolean PRIMARY KEY DEFAULT true CHECK (one), count bigint NOT NULL)"
            )
            cursor.execute("INSERT INTO visits (count) VALUES (0) ON CONFLICT DO NOTHING")
            cursor.execute("SELECT pg_advisory_unlock(4750)")
        return connection

    def _ask(self, statement):
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]

    def _forget(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def ask(self, statement):
        with self._lock:
            try:
                return self._ask(statement)
            except (psycopg2.Error, OSError):
                # The database was restarted or moved, or the password rotated: read the binding again, once.
                self._forget()
                try:
                    return self._ask(statement)
                except (psycopg2.Error, OSError):
                    self._forget()
                    raise

    def add(self):
        return self.ask("UPDATE visits SET count = count + 1 RETURNING count")

    def count(self):
        return self.ask("SELECT count FROM visits")


VISITS = Visits()


def list_files():
    """Names of the files in the volume; None: there is no volume."""
    try:
        found = (path for path in sorted(VOLUME.rglob("*")) if path.is_file())
        return [str(path.relative_to(VOLUME)) for _, path in zip(range(MOST_FILES), found)]
    except OSError:
        return None


def list_volume():
    return list_files() if VOLUME.is_dir() else None


def to_duration(seconds):
    parts = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    words = [(int(seconds) // size, unit) for size, unit in parts]
    words = [(count % limit, unit) for (count, unit), limit in zip(words, (10**6, 24, 60, 60))]
    shown = [f"{count} {unit}" for count, unit in words if count]
    return " ".join(shown[:2]) or "a moment"


def explain(error):
    """What to show of an error: never a password, whatever the driver put into its words."""
    if isinstance(error, OSError) and not isinstance(error, psycopg2.Error):
        return "no database is attached"
    return "the database does not answer"


def render():
    try:
        count, trouble = VISITS.add(), None
    except (psycopg2.Error, OSError) as error:
        count, trouble = None, explain(error)
    files = list_volume()
    if files is None:
        shown = "<p class=quiet>No volume is attached.</p>"
    elif files:
        items = "".join(f"<li><code>{html.escape(name)}</code></li>" for name in files)
        shown = f"<ul>{items}</ul>"
    else:
        shown = "<p class=quiet>It is empty.</p>"
    values = {
        "COUNT": "–" if count is None else f"{count:,}".replace(",", "\u202f"),
        "VISITS": "visit" if count == 1 else "visits",
        "STATE": "counted in PostgreSQL" if trouble is None else html.escape(trouble),
        "STATE_CLASS": "good" if trouble is None else "bad",
        "UPTIME": to_duration(time.monotonic() - STARTED),
        "TASK": html.escape(os.uname().nodename),
        "VOLUME": html.escape(str(VOLUME)),
        "FILES": shown,
    }
    page = PAGE
    for key, value in values.items():
        page = page.replace("{{" + key + "}}", value)
    return 200 if trouble is None else 503, page.encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server_version = "welcome"
    sys_version = ""

    def do_GET(self):
        path = self.path.split("?", 1)[0]
        if path == "/":
            self._answer("text/html; charset=utf-8", *render())
        elif path == "/healthz":
            self._health()
        elif path == "/api/visits":
            self._visits()
        else:
            self._answer("text/plain; charset=utf-8", 404, b"not found\n")

    do_HEAD = do_GET

    def _health(self):
        try:
            VISITS.count()
            self._answer("text/plain; charset=utf-8", 200, b"healthy\n")
        except (psycopg2.Error, OSError) as error:
            self._answer("text/plain; charset=utf-8", 503, f"{explain(error)}\n".encode())

    def _visits(self):
        """The count without adding to it, for programs."""
        try:
            value = {"visits": VISITS.count(), "files": list_volume()}
            self._answer("application/json", 200, json.dumps(value).encode())
        except (psycopg2.Error, OSError) as error:
            value = {"error": explain(error)}
            self._answer("application/json", 503, json.dumps(value).encode())

    def _answer(self, kind, status, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")
        self.send_header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        )
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, form, *args):
        # Health checks, once a second, would drown everything else.
        if self.path != "/healthz":
            sys.stdout.write(f"{self.address_string()} {form % args}\n")


def check():
    """Exit code 0 when the service on this machine is healthy."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=2) as answer:
            return 0 if answer.status == 200 else 1
    except OSError:
        return 1


def main():
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Handler)
    server.daemon_threads = True
    stop = threading.Thread(target=server.shutdown)
    signal.signal(signal.SIGTERM, lambda *_: stop.start())
    sys.stdout.write(f"serving on port {PORT}\n")
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else main())
