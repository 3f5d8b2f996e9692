"""What is known of request smuggling and of parsers that disagree, as data.

REQUESTS: name → (bytes, what must come of them): a list of messages that reach the backend, (method, target, host, body),
and at most one status that ends it; CUT instead of a status: the client ends in the middle and is not answered.
RESPONSES: name → (method, bytes, whether the backend closes behind them, what the client must get).
"""
ANY = None
CUT = "cut"
GET = b"GET /a HTTP/1.1\r\n"
HOST = b"Host: h\r\n"
BODY = b"hello"
NEXT = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"   # what a smuggler hides
A = (b"GET", b"/a", b"h", b"")
POSTED = (b"POST", b"/a", b"h", BODY)
REFUSED = [400]
UNKNOWN = [501]


def get(*lines, first=GET):
    return first + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=BODY):
    return b"POST /a HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(body, *lines):
    return post(b"Transfer-Encoding: chunked", *lines, body=body)


def first(line):
    return line + b"\r\nHost: h\r\n\r\n"


def target(text):
    return first(b"GET " + text + b" HTTP/1.1")


LINES = {
    "plain": (get(), [A]),
    "two requests at once": (get() + NEXT, [A, (b"GET", b"/next", b"h", b"")]),
    "a bad request behind a good one": (get() + b"GET /next HTTP/1.1\nHost: h\n\n", [A, 400]),
    "part of a request behind a good one": (get() + b"GET /ne", [A, CUT]),
    "one empty line first": (b"\r\n" + get(), [A]),
    "two empty lines first": (b"\r\n\r\n" + get(), REFUSED),
    "a bare LF first": (b"\n" + get(), REFUSED),
    "bare LF everywhere": (get().replace(b"\r\n", b"\n"), REFUSED),
    "bare LF behind the request line": (GET[:-2] + b"\n" + HOST + b"\r\n", REFUSED),
    "bare LF behind a field": (GET + b"Host: h\nX: y\r\n\r\n", REFUSED),
    "bare LF as the empty line": (GET + HOST + b"\n", REFUSED),
    "bare CR everywhere": (get().replace(b"\r\n", b"\r") + b"\r\n\r\n", REFUSED),
    "bare CR in a value": (get(b"X: a\rTransfer-Encoding: chunked"), REFUSED),
    "bare CR in a name": (get(b"X\rY: a"), REFUSED),
    "CR CR LF": (get(b"X: a\r"), REFUSED),
    "bare CR in the target": (target(b"/a\rb"), REFUSED),
    "a fold": (get(b"X: a", b" b"), REFUSED),
    "a fold by tab": (get(b"X: a", b"\tb"), REFUSED),
    "a fold that hides a coding": (post(b"Content-Length: 5", b"X: a", b" Transfer-Encoding: chunked"), REFUSED),
    "a fold before the value": (post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"), REFUSED),
    "space before the first field": (GET + b" Host: h\r\n\r\n", REFUSED),
    "tab before the first field": (GET + b"\tHost: h\r\n\r\n", REFUSED),
    "only white space in a line": (GET + HOST + b" \r\n\r\n", REFUSED),
    "space before the colon": (GET + b"Host : h\r\n\r\n", REFUSED),
    "tab before the colon": (get(b"X\t: y"), REFUSED),
    "space before the colon of the length": (post(b"Content-Length : 5"), REFUSED),
    "space before the colon of the coding": (post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), REFUSED),
    "no name": (get(b": x"), REFUSED),
    "no colon": (get(b"X"), REFUSED),
    "a space in a name": (get(b"X Y: z"), REFUSED),
    "parentheses in a name": (get(b"X(): z"), REFUSED),
    "a high byte in a name": (get(b"X\xe9: z"), REFUSED),
    "a high byte in a value": (get(b"X: \xe9\xff"), [A]),
    "NUL in a name": (get(b"X\0Y: z"), REFUSED),
    "NUL in a value": (get(b"X: a\0b"), REFUSED),
    "NUL in the target": (target(b"/a\0b"), REFUSED),
    "NUL in the method": (first(b"G\0T /a HTTP/1.1"), REFUSED),
    "DEL in a value": (get(b"X: a\x7fb"), REFUSED),
    "BEL in a value": (get(b"X: a\x07b"), REFUSED),
    "an empty value": (get(b"X:"), [A]),
    "a value of white space": (get(b"X: \t "), [A]),
    "no white space behind the colon": (get(b"X:y"), [A]),
    "an underscore for a hyphen": (get(b"Content_Length: 5", b"Transfer_Encoding: chunked"), [A]),
    "an injected line in a value by percent": (get(b"X: a%0d%0aContent-Length: 5"), [A]),
}

FIRST = {
    "HTTP/0.9": (b"GET /a\r\n\r\n", REFUSED),
    "HTTP/1.2 is read as 1.1": (first(b"GET /a HTTP/1.2"), [A]),
    "HTTP/2.0": (first(b"GET /a HTTP/2.0"), [505]),
    "HTTP/0.9 with its name": (first(b"GET /a HTTP/0.9"), [505]),
    "the preface of HTTP/2, spoilt": (b"PRI * HTTP/2.0\r\n\r\nXM\r\n\r\n", [505]),
    "version in lower case": (first(b"GET /a http/1.1"), REFUSED),
    "version of two digits": (first(b"GET /a HTTP/1.10"), REFUSED),
    "version without minor": (first(b"GET /a HTTP/1"), REFUSED),
    "version with a comma": (first(b"GET /a HTTP/1,1"), REFUSED),
    "version with a space": (first(b"GET /a HTTP/ 1.1"), REFUSED),
    "another protocol": (first(b"GET /a ICAP/1.1"), REFUSED),
    "space behind the version": (first(b"GET /a HTTP/1.1 "), REFUSED),
    "two spaces": (first(b"GET  /a HTTP/1.1"), REFUSED),
    "tabs between": (first(b"GET\t/a\tHTTP/1.1"), REFUSED),
    "VT between": (first(b"GET\x0b/a HTTP/1.1"), REFUSED),
    "space before the method": (first(b" GET /a HTTP/1.1"), REFUSED),
    "no method": (first(b"/a HTTP/1.1"), REFUSED),
    "a method with a slash": (first(b"G/T /a HTTP/1.1"), REFUSED),
    "a method with a quote": (first(b"\"GET\" /a HTTP/1.1"), REFUSED),
    "a method nobody knows": (first(b"BREW /a HTTP/1.1"), [(b"BREW", b"/a", b"h", b"")]),
    "a method in lower case": (first(b"get /a HTTP/1.1"), [(b"get", b"/a", b"h", b"")]),
    "CONNECT to a port of HTTP": (b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", [403]),
    "CONNECT to a path": (first(b"CONNECT /a HTTP/1.1"), REFUSED),
    "no target": (first(b"GET HTTP/1.1"), REFUSED),
    "a space in the target": (target(b"/a b"), REFUSED),
    "a tab in the target": (target(b"/a\tb"), REFUSED),
    "a fragment": (target(b"/a#b"), REFUSED),
    "a high byte in the target": (target(b"/\xe9"), REFUSED),
    "DEL in the target": (target(b"/\x7f"), REFUSED),
    "a target without slash": (target(b"a"), REFUSED),
    "two slashes": (target(b"//e/a"), [(b"GET", b"//e/a", b"h", b"")]),
    "dots stay": (target(b"/../a/./b"), [(b"GET", b"/../a/./b", b"h", b"")]),
    "percent stays": (target(b"/%2e%2E/a%00%0d%0a"), [(b"GET", b"/%2e%2E/a%00%0d%0a", b"h", b"")]),
    "asterisk with GET": (target(b"*"), REFUSED),
    "asterisk with OPTIONS": (first(b"OPTIONS * HTTP/1.1"), [(b"OPTIONS", b"*", b"h", b"")]),
    "absolute form": (target(b"http://h/a"), [A]),
    "absolute form wins over Host": (target(b"http://other:81/a?q"), [(b"GET", b"/a?q", b"other:81", b"")]),
    "absolute form in capitals": (target(b"HTTP://h/a"), [A]),
    "absolute form without path": (target(b"http://h"), [(b"GET", b"/", b"h", b"")]),
    "absolute form with a query for a path": (target(b"http://h?a"), REFUSED),
    "absolute form without host": (target(b"http:///a"), REFUSED),
    "absolute form with a user": (target(b"http://u:p@h/a"), REFUSED),
    "absolute form with two ports": (target(b"http://h:80:80/a"), REFUSED),
    "absolute form without Host": (b"GET http://h/a HTTP/1.1\r\n\r\n", REFUSED),
    "absolute form of another scheme": (target(b"ftp://h/a"), REFUSED),
    "absolute form with one slash": (target(b"http:/h/a"), REFUSED),
    "OPTIONS of a server": (first(b"OPTIONS http://h HTTP/1.1"), [(b"OPTIONS", b"*", b"h", b"")]),
    "the target too long": (target(b"/" + b"a" * 33000), [414]),
    "the method too long": (first(b"G" * 33000 + b" /a HTTP/1.1"), [414]),
    "a long target": (target(b"/" + b"a" * 20000), [(b"GET", b"/" + b"a" * 20000, b"h", b"")]),
}

HOSTS = {
    "no Host": (GET + b"\r\n", REFUSED),
    "no Host in HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", [(b"GET", b"/a", ANY, b"")]),
    "an empty Host": (GET + b"Host:\r\n\r\n", [(b"GET", b"/a", ANY, b"")]),
    "two Hosts": (get(b"Host: other"), REFUSED),
    "two equal Hosts": (get(b"Host: h"), REFUSED),
    "Host and HOST": (get(b"HOST: h"), REFUSED),
    "a list of Hosts": (GET + b"Host: h, other\r\n\r\n", REFUSED),
    "Host with a space": (GET + b"Host: h other\r\n\r\n", REFUSED),
    "Host with a path": (GET + b"Host: h/a\r\n\r\n", REFUSED),
    "Host with a user": (GET + b"Host: u@h\r\n\r\n", REFUSED),
    "Host with a query": (GET + b"Host: h?a\r\n\r\n", REFUSED),
    "Host with a high port": (GET + b"Host: h:65536\r\n\r\n", REFUSED),
    "Host with two ports": (GET + b"Host: h:80:81\r\n\r\n", REFUSED),
    "Host with a word for a port": (GET + b"Host: h:http\r\n\r\n", REFUSED),
    "Host that is a port": (GET + b"Host: :80\r\n\r\n", REFUSED),
    "Host with half a bracket": (GET + b"Host: [::1\r\n\r\n", REFUSED),
    "Host with text behind the bracket": (GET + b"Host: [::1]x\r\n\r\n", REFUSED),
    "Host with a scheme": (GET + b"Host: http://h\r\n\r\n", REFUSED),
    "Host with a high byte": (GET + b"Host: h\xe9\r\n\r\n", REFUSED),
    "Host of IPv6": (GET + b"Host: [::1]:80\r\n\r\n", [(b"GET", b"/a", b"[::1]:80", b"")]),
}

LENGTHS = {
    "length": (post(b"Content-Length: 5"), [POSTED]),
    "length with zeros": (post(b"Content-Length: 00005"), [POSTED]),
    "length with white space around": (post(b"Content-Length: \t5 "), [POSTED]),
    "length with GET": (get(b"Content-Length: 5") + BODY, [(b"GET", b"/a", b"h", BODY)]),
    "length that hides a request": (post(b"Content-Length: %d" % len(NEXT), body=NEXT), [(b"POST", b"/a", b"h", NEXT)]),
    "no length before a body": (post(body=NEXT), [(b"POST", b"/a", b"h", b""), (b"GET", b"/next", b"h", b"")]),
    "a body that ends early": (post(b"Content-Length: 6"), [CUT]),
    "bytes behind the body": (post(b"Content-Length: 5") + b"\0\1", [POSTED, CUT]),
    "CL.CL that differ": (post(b"Content-Length: 5", b"Content-Length: 0"), REFUSED),
    "CL.CL that agree": (post(b"Content-Length: 5", b"Content-Length: 5"), REFUSED),
    "CL.CL with a fold between": (post(b"Content-Length: 5", b" ", b"Content-Length: 0"), REFUSED),
    "a length with GET twice": (get(b"Content-Length: 0", b"Content-Length: %d" % len(NEXT)) + NEXT, REFUSED),
    **{f"length {text!r}": (post(b"Content-Length: " + text), REFUSED) for text in (
        b"", b"+5", b"-5", b"-0", b"5, 5", b"5,5", b"5,", b",5", b"5 5", b"0x5", b"5h", b"5.0", b"5e0", b"5;a", b'"5"', b"\x0b5", b"\xb25",
        b"five", b"9" * 19, b"18446744073709551621", b"4294967301" + b"0" * 10, b"1" * 400)},
}

CODINGS = {
    "chunked": (chunked(b"5\r\nhello\r\n0\r\n\r\n"), [POSTED]),
    "chunked in capitals": (post(b"TRANSFER-ENCODING: ChUnKeD", body=b"5\r\nhello\r\n0\r\n\r\n"), [POSTED]),
    "chunked behind a tab": (post(b"Transfer-Encoding:\tchunked\t", body=b"5\r\nhello\r\n0\r\n\r\n"), [POSTED]),
    "chunked with GET": (get(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", [(b"GET", b"/a", b"h", BODY)]),
    "CL.TE": (post(b"Content-Length: 6", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nG"), REFUSED),
    "TE.CL": (post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n"), REFUSED),
    "TE and a length of zero": (chunked(b"0\r\n\r\n" + NEXT, b"Content-Length: 0"), REFUSED),
    "TE.TE": (post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow", body=b"0\r\n\r\n"), UNKNOWN),
    "TE.TE with an empty one": (post(b"Transfer-Encoding:", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), UNKNOWN),
    "chunked twice": (post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), UNKNOWN),
    "TE in HTTP/1.0": (b"POST /a HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED),
    "TE behind a folded field": (post(b"X: y", b"\tTransfer-Encoding: chunked", b"Content-Length: 5"), REFUSED),
    "TE with NUL in its name": (post(b"Transfer-Encoding\0: chunked", body=b"0\r\n\r\n"), REFUSED),
    "TE with a dot in its name is no TE": (post(b"Transfer.Encoding: chunked", b"Content-Length: 5"), [POSTED]),
    **{f"coding {text!r}": (post(b"Transfer-Encoding: " + text, body=b"0\r\n\r\n"), UNKNOWN) for text in (
        b"", b"xchunked", b"chunkedx", b"x chunked", b"chunked, identity", b"identity, chunked", b"identity", b"gzip, chunked", b"chunked, chunked",
        b"chunked,", b",chunked", b"chunked;q=1", b"'chunked'", b'"chunked"', b"chunked chunked", b"chunk", b"cow", b"chunk\xe9d")},
    **{f"coding {text!r}": (post(b"Transfer-Encoding: " + text, body=b"0\r\n\r\n"), REFUSED) for text in (
        b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked\0", b"\0chunked", b"chunked\r", b"chun\nked", b"\x7fchunked")},
}


def size(text, end=b"\r\n"):
    return chunked(text + end + b"hello\r\n0\r\n\r\n")


CHUNKS = {
    **{f"chunk size {text!r}": (size(text), REFUSED) for text in (
        b"", b"-5", b"+5", b"0x5", b"0X5", b" 5", b"\t5", b"5 ", b"5\t", b"5 5", b"5,", b"5.", b"5h", b"g", b"_5", b"5_", b"\xb5", b"\0005", b"5\0",
        b"f" * 15 + b"5", b"f" * 16, b"1" + b"0" * 15 + b"5", b"1" + b"0" * 16, b"0" * 16 + b"5", b"0" * 2000 + b"5", b"fffffffb5" * 3)},
    "chunk size with zeros": (size(b"00005"), [POSTED]),
    "two chunks": (chunked(b"2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n"), [POSTED]),
    "a chunk in capitals": (chunked(b"A\r\nhellohello\r\n0\r\n\r\n"), [(b"POST", b"/a", b"h", BODY + BODY)]),
    "LF behind the size": (size(b"5", b"\n"), REFUSED),
    "CR behind the size": (size(b"5", b"\r"), REFUSED),
    "LF behind the data": (chunked(b"5\r\nhello\n0\r\n\r\n"), REFUSED),
    "CR behind the data": (chunked(b"5\r\nhello\r0\r\n\r\n"), REFUSED),
    "nothing behind the data": (chunked(b"5\r\nhello0\r\n\r\n"), REFUSED),
    "more data than said": (chunked(b"4\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "less data than said": (chunked(b"6\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "two bytes for the line end": (chunked(b"5\r\nhelloXX0\r\n\r\n"), REFUSED),
    "LF behind the last size": (chunked(b"0\n\r\n"), REFUSED),
    "LF as the end of the trailers": (chunked(b"0\r\n\n"), REFUSED),
    "no last line end": (chunked(b"5\r\nhello\r\n0\r\n"), [CUT]),
    "no last chunk": (chunked(b"5\r\nhello\r\n"), [CUT]),
    "half a chunk": (chunked(b"5\r\nhel"), [CUT]),
    "half a size": (chunked(b"5"), [CUT]),
    "a request behind the last chunk": (chunked(b"0\r\n\r\n" + NEXT), [(b"POST", b"/a", b"h", b""), (b"GET", b"/next", b"h", b"")]),
    "a request in a chunk": (chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(NEXT), NEXT)), [(b"POST", b"/a", b"h", NEXT)]),
    "extension": (size(b"5;a"), [POSTED]),
    "extension with a value": (size(b"5;a=b;c=d"), [POSTED]),
    "extension with a quoted value": (size(b'5;a="b;c \\" d"'), [POSTED]),
    "extension with CRLF in quotes": (size(b'5;a="\r\n"'), REFUSED),
    "extension without end of quotes": (size(b'5;a="b'), REFUSED),
    "extension with text behind the quotes": (size(b'5;a="b"c'), REFUSED),
    "extension with LF": (size(b"5;a\nb"), REFUSED),
    "extension with CR": (size(b"5;a\rb"), REFUSED),
    "extension that ends with LF": (size(b"5;a", b"\n"), REFUSED),
    "extension with NUL": (size(b"5;a\0"), REFUSED),
    "extension without a name": (size(b"5;"), REFUSED),
    "extension without a value": (size(b"5;a="), REFUSED),
    "extension with a space before": (size(b"5 ;a"), REFUSED),
    "extension of a kilobyte": (size(b"5;a=" + b"b" * 1100), REFUSED),
    "extensions of 17 KiB": (chunked((b"1;a=" + b"b" * 900 + b"\r\nx\r\n") * 20 + b"0\r\n\r\n"), REFUSED),
    "the last chunk with an extension that hides": (chunked(b"0;\n\r\n" + NEXT), REFUSED),
    "a trailer": (chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), [POSTED]),
    "a trailer that is folded": (chunked(b"0\r\nX: a\r\n b\r\n\r\n"), REFUSED),
    "a trailer with bare LF": (chunked(b"0\r\nX: a\n\r\n\r\n"), REFUSED),
    "a trailer with NUL": (chunked(b"0\r\nX: a\0\r\n\r\n"), REFUSED),
    "a trailer with space before the colon": (chunked(b"0\r\nX : a\r\n\r\n"), REFUSED),
    "a trailer without a colon": (chunked(b"0\r\nX\r\n\r\n"), REFUSED),
    "a trailer that is a request": (chunked(b"0\r\n" + NEXT), REFUSED),
    **{f"a trailer {line!r}": (chunked(b"0\r\n" + line + b"\r\n\r\n"), REFUSED) for line in (
        b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: other", b"Connection: close", b"Upgrade: x", b"TE: trailers", b"Trailer: x",
        b"Expect: 100-continue", b"Cookie: a=b", b"Keep-Alive: timeout=1")},
    "trailers of 70 KB": (chunked(b"0\r\nX: " + b"a" * 70000 + b"\r\n\r\n"), [431]),
    "130 trailers": (chunked(b"0\r\n" + b"X: a\r\n" * 130 + b"\r\n"), [431]),
}

HOPS = {
    "fields for one hop": (get(b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"Upgrade: foo"), [A]),
    "Connection names Host": (get(b"Connection: close, Host"), [A]),
    "Connection names the length": (post(b"Connection: Content-Length", b"Content-Length: 5"), [POSTED]),
    "Connection names the coding": (chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Connection: Transfer-Encoding"), [POSTED]),
    "Connection names what the mesh adds": (get(b"Connection: x-forwarded-for, x-request-id, X-Y", b"X-Y: z"), [A]),
    "Connection with VT": (get(b"Connection: close\x0b"), REFUSED),
    "Connection: nothing but commas": (get(b"Connection: ,,,"), [A]),
    "an offer of h2c": (get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), [A]),
    "an offer of h2c with a body": (post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: %d" % len(NEXT), body=NEXT), [(b"POST", b"/a", b"h", NEXT)]),
    "an upgrade to WebSocket": (get(b"Connection: Upgrade", b"Upgrade: websocket"), [A]),
    "an upgrade to two protocols": (get(b"Connection: Upgrade", b"Upgrade: h2c, websocket"), UNKNOWN),
    "Upgrade without Connection": (get(b"Upgrade: websocket"), [A]),
    "Expect": (post(b"Expect: 100-continue", b"Content-Length: 5"), [POSTED]),
    "Expect in capitals": (post(b"Expect: 100-Continue", b"Content-Length: 5"), [POSTED]),
    "Expect without a body": (get(b"Expect: 100-continue"), [A]),
    **{f"Expect: {text!r}": (post(b"Expect: " + text, b"Content-Length: 5"), [417]) for text in (
        b"", b"200-ok", b"100", b"100-continue, 100-continue", b"100-continue;a", b"x100-continue")},
    "Expect twice, one unknown": (post(b"Expect: 100-continue", b"Expect: gold", b"Content-Length: 5"), [417]),
    "X-Forwarded-For is kept and appended to": (get(b"X-Forwarded-For: 1.2.3.4, evil"), [A]),
    "an X-Request-Id that injects": (get(b"X-Request-Id: a b\"c<d>"), [A]),
    "fields of the mesh itself": (get(b"X-Weft-Attempt: -1", b"X-Weft-Reason: ok", b"X-Weft-Deadline-Ms: 99999999999999999999", b"X-Weft-Evil: 1"), [A]),
    "a head of 70 KB": (get(b"X: " + b"a" * 70000), [431]),
    "a name of 70 KB": (get(b"a" * 70000 + b": x"), [431]),
    "70 KB of short fields": (get(*[b"X: " + b"a" * 700] * 100), [431]),
    "130 fields": (get(*[b"X: a"] * 130), [431]),
    "100 fields": (get(*[b"X: a"] * 100), [A]),
    "a value of 60 KB": (get(b"X: " + b"a" * 60000), [A]),
    "an X-Forwarded-For of 60 KB": (get(b"X-Forwarded-For: " + b"a" * 60000), [A]),
}

REQUESTS = {**LINES, **FIRST, **HOSTS, **LENGTHS, **CODINGS, **CHUNKS, **HOPS}

# --- answers ---

BAD = {502}
BROKEN = {502, CUT, None}   # by then the head may be on its way; None: not one byte of it came
OK = {(200, BODY)}


def ok(*lines, body=b"", status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def five(*lines, body=BODY):
    return ok(b"Content-Length: 5", *lines, body=body)


def parts(body, *lines):
    return ok(b"Transfer-Encoding: chunked", *lines, body=body)


RESPONSES = {
    "plain": (b"POST", five(), False, OK),
    "chunked": (b"POST", parts(b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"), False, OK),
    "until close": (b"POST", ok(body=BODY), True, OK),
    "HTTP/1.0 until close": (b"POST", b"HTTP/1.0 200 OK\r\n\r\nhello", True, OK),
    "no reason phrase": (b"POST", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", False, OK),
    "bytes behind the answer": (b"POST", five() + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", False, OK),
    "bytes behind the last chunk": (b"POST", parts(b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), False, OK),
    "CL.CL that differ": (b"POST", five(b"Content-Length: 3"), False, BAD),
    "CL.CL that agree": (b"POST", five(b"Content-Length: 5"), False, BAD),
    "a list of lengths": (b"POST", ok(b"Content-Length: 5, 5", body=BODY), False, BAD),
    "a length with a sign": (b"POST", ok(b"Content-Length: +5", body=BODY), False, BAD),
    "a length below zero": (b"POST", ok(b"Content-Length: -1", body=BODY), False, BAD),
    "a length in hexadecimal": (b"POST", ok(b"Content-Length: 0x5", body=BODY), False, BAD),
    "a length that is huge": (b"POST", ok(b"Content-Length: " + b"9" * 30, body=BODY), False, BAD),
    "TE and CL": (b"POST", parts(b"5\r\nhello\r\n0\r\n\r\n", b"Content-Length: 5"), False, BAD),
    "CL and TE": (b"POST", five(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), False, BAD),
    "TE of HTTP/1.0": (b"POST", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", True, BAD),
    "TE nobody knows": (b"POST", ok(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), True, BAD),
    "TE twice": (b"POST", parts(b"0\r\n\r\n", b"Transfer-Encoding: identity"), True, BAD),
    "TE with a second coding": (b"POST", ok(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), True, BAD),
    "a fold": (b"POST", five(b"X: a", b" b"), False, BAD),
    "space before the colon": (b"POST", ok(b"Content-Length : 5", body=BODY), False, BAD),
    "no name": (b"POST", five(b": a"), False, BAD),
    "NUL in a value": (b"POST", five(b"X: a\0b"), False, BAD),
    "a field injected by CR": (b"POST", five(b"X: a\rSet-Cookie: evil=1"), False, BAD),
    "a field injected by LF": (b"POST", five(b"X: a\nSet-Cookie: evil=1"), False, BAD),
    "an answer injected by LF": (b"POST", five(b"X: a\n\nHTTP/1.1 200 OK"), False, BAD),
    "bare LF everywhere": (b"POST", five().replace(b"\r\n", b"\n"), False, BAD),
    "an empty line first": (b"POST", b"\r\n" + five(), False, BAD),
    **{f"status line {line!r}": (b"POST", line + b"\r\nContent-Length: 5\r\n\r\nhello", False, BAD) for line in (
        b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 999 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK", b"HTTP/1.1200 OK", b"HTTP/1.1 200OK", b"HTTP/2 200 OK", b"HTTP/2.0 200 OK", b"http/1.1 200 OK", b"HTTP/1.2 200 OK",
        b" HTTP/1.1 200 OK", b"ICY 200 OK", b"200 OK", b"HTTP/1.1 abc OK", b"HTTP/1.1 200 a\0b", b"HTTP/1.1 200 a\rb", b"HTTP/1.1", b"")},
    "no HTTP at all": (b"POST", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", True, BAD),
    "101 that nobody asked for": (b"POST", ok(b"Upgrade: h2c", b"Connection: upgrade", status=b"101 Switching Protocols"), False, BAD),
    "one 1xx": (b"POST", ok(status=b"103 Early Hints") + five(), False, OK),
    "1xx with a body": (b"POST", ok(b"Content-Length: 5", status=b"103 Early Hints", body=BODY) + five(), False, BAD),
    "1xx with a coding": (b"POST", ok(b"Transfer-Encoding: chunked", status=b"100 Continue", body=b"0\r\n\r\n") + five(), False, BAD),
    "1xx without end": (b"POST", ok(status=b"100 Continue") * 20000 + five(), False, BAD),
    "large 1xx without end": (b"POST", ok(b"X: " + b"a" * 60000, status=b"103 Early Hints") * 3 + five(), False, BAD),
    "1xx and then nothing": (b"POST", ok(status=b"100 Continue"), True, BAD),
    "204": (b"POST", ok(status=b"204 No Content"), False, {(204, b"")}),
    "204 with a body": (b"POST", ok(b"Content-Length: 5", status=b"204 No Content", body=BODY), False, BAD),
    "204 with a coding": (b"POST", parts(b"0\r\n\r\n").replace(b"200 OK", b"204 No Content"), False, BAD),
    "204 with bytes behind": (b"POST", ok(status=b"204 No Content", body=BODY), False, {(204, b"")}),
    "304 with a length and bytes behind": (b"POST", ok(b"Content-Length: 5", status=b"304 Not Modified", body=BODY), False, {(304, b"")}),
    "HEAD with a body": (b"HEAD", five(), False, {(200, b"")}),
    "nothing": (b"POST", b"", True, BAD),
    "half a status line": (b"POST", b"HTTP/1.1 2", True, BAD),
    "half a head": (b"POST", b"HTTP/1.1 200 OK\r\nContent-Le", True, BAD),
    "half a body": (b"POST", five(body=b"hel"), True, BROKEN),
    "half a chunk": (b"POST", parts(b"5\r\nhel"), True, BROKEN),
    "no last chunk": (b"POST", parts(b"5\r\nhello\r\n"), True, BROKEN),
    "no last line end": (b"POST", parts(b"5\r\nhello\r\n0\r\n"), True, BROKEN),
    **{f"chunk size {text!r}": (b"POST", parts(text + b"\r\nhello\r\n0\r\n\r\n"), True, BROKEN) for text in (
        b"", b"-5", b"+5", b"0x5", b" 5", b"5 ", b"g", b"f" * 16, b"0" * 20 + b"5", b"5;a\rb", b'5;a="', b"5\n")},
    "LF behind a chunk": (b"POST", parts(b"5\r\nhello\n0\r\n\r\n"), True, BROKEN),
    "a trailer that frames": (b"POST", parts(b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), True, BROKEN),
    "a trailer with bare LF": (b"POST", parts(b"5\r\nhello\r\n0\r\nX: a\n\r\n\r\n"), True, BROKEN),
    "a head of 70 KB": (b"POST", five(b"X: " + b"a" * 70000), False, BAD),
    "130 fields": (b"POST", five(*[b"X: a"] * 130), False, BAD),
    "marks of the mesh from an application": (b"POST", five(b"X-Weft-Drain: 1", b"X-Weft-Reason: evil", b"X-Weft-Load: 1"), False, OK),
    "Connection names the length": (b"POST", five(b"Connection: Content-Length, close"), True, OK),
}
