"""Receivers of notices that the engine's authors did not write the protocol of: PyPI's aiosmtpd, and Python's own server
of HTTP. Prints its port, then keeps all that it takes as lines of JSON in a file.

    receivers.py smtp FILE [--starttls CERTIFICATE KEY] [--auth USER PASSWORD]
    receivers.py hook FILE [--fail N] [--stall N]
"""
import argparse
import http.server
import json
import ssl
import sys
import threading
import time


def keep(path, what):
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def smtp(options):
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            keep(options.file, {
                "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                "authenticated": session.authenticated, "data": envelope.content.decode("utf-8", "replace"),
            })
            return "250 taken"

    def authenticate(server, session, envelope, mechanism, data):
        want = tuple(word.encode() for word in options.auth)
        good = isinstance(data, LoginPassword) and (data.login, data.password) == want
        return AuthResult(success=good, handled=False)

    settings = {}
    if options.starttls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.starttls)
        settings.update(tls_context=context, require_starttls=True)
    if options.auth:
        settings.update(authenticator=authenticate, auth_required=True, auth_require_tls=bool(options.starttls))

    class Server(Controller):
        def factory(self):
            return SMTP(self.handler, **settings)

        # The controller looks whether it can be reached at its port, which it knows only now.
        def _trigger_server(self):
            self.port = self.server.sockets[0].getsockname()[1]
            super()._trigger_server()

    server = Server(Handler(), hostname="127.0.0.1", port=0, ready_timeout=60)
    server.start()
    print(server.port, flush=True)
    threading.Event().wait()


def hook(options):
    left = {"fail": options.fail, "stall": options.stall}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            verdict = "taken"
            for kind in ("stall", "fail"):
                if left[kind] > 0:
                    left[kind] -= 1
                    verdict = kind
                    break
            keep(options.file, {"verdict": verdict, "path": self.path, "headers": dict(self.headers.items()), "body": body})
            if verdict == "stall":
                time.sleep(3600)
            self.send_response(500 if verdict == "fail" else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["smtp", "hook"])
    parser.add_argument("file")
    parser.add_argument("--starttls", nargs=2)
    parser.add_argument("--auth", nargs=2)
    parser.add_argument("--fail", type=int, default=0)
    parser.add_argument("--stall", type=int, default=0)
    options = parser.parse_args()
    (smtp if options.kind == "smtp" else hook)(options)


if __name__ == "__main__":
    sys.exit(main())
