"""An nginx of our own on a free port of loopback: the target of the measurements of the load generator."""
import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import _record

CONFIG = """
worker_processes {workers};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 100000;
events {{ worker_connections 65000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port} reuseport backlog=16384; location / {{ root {folder}/html; }} }}
}}
"""


@contextlib.contextmanager
def running(workers=1, size=612):
    """Its address, while the block runs. `size` is that of the page."""
    if shutil.which("nginx") is None and not pathlib.Path("/usr/sbin/nginx").exists():
        _record.missing("nginx is not installed", "Debian: apt install nginx")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "html").mkdir()
        (folder / "html/index.html").write_bytes(b"x" * size)
        (folder / "nginx.conf").write_text(CONFIG.format(workers=workers, folder=folder, port=port), encoding="utf-8")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        child = subprocess.Popen([nginx, "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}/"
            for _ in range(100):
                try:
                    urllib.request.urlopen(address, timeout=2).read()
                    break
                except OSError:
                    time.sleep(0.05)
            yield address
        finally:
            child.terminate()
            child.wait()


def version():
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr.strip()
