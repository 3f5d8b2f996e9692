"""CAs and certificates made by openssl, apart from the code that is tested."""
import subprocess

DOMAIN = "mesh.local"


def openssl(*arguments, folder):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """A CA and what it signs, as files in a folder of its own."""

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                "-subj", f"/CN={name}", "-days", "2", folder=self.folder)
        self.ca = str(self.folder / "ca.pem")

    def leaf(self, name, san, days="1"):
        """(certificate, key); a negative number of days: it has ended."""
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}", folder=self.folder)
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={san}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", f"{name}.ext", "-out", f"{name}.pem", folder=self.folder)
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def agent(self, service, days="1"):
        return self.leaf(f"agent-{service}" if int(days) > 0 else f"ended-{service}", f"URI:spiffe://{DOMAIN}/ns/default/sa/{service}", days)


def identity(pair):
    return {"cert": pair[0], "key": pair[1]}
