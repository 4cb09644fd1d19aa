"""What may be sent where, as tables."""

import pytest

from reactions_project.egress import policy_from
from reactions_project.egress.policy import EgressRefused, EgressRequest, Policy, check_headers, parse_allow_list


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com",
        "http://user:word@example.com/", "http://example.com@evil.test/", "http://", "http:///path",
        "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com:0/", "http://example.com:99999/",
        "http://0x7f.1/", "http://2130706433/", "http://127.1/", "http://0177.0.0.1/", "http://1.2.3/",
        "http://127。0。0。1.1/", "http://faß.example/", "http://a\u200db.example/", "http://example.com:80:80/",
        "http://example.com:-1/", "http://./", "http://exa\u2100mple.com/", "http://[::1]x/",
        "http://[::1%25eth0]/", "http://[zz]/", "http://exa\\mple.com/", "http://-bad-.com/", "http://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
def test_sec_40_an_address_that_is_odd_or_no_http_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        Policy().check_url(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.com/a?b#c", "https://example.com:443"),
        ("http://example.com.:8080/", "http://example.com:8080"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]:443"),
        ("http://bücher.example/", "http://xn--bcher-kva.example:80"),
        ("http://93.184.216.34/", "http://93.184.216.34:80"),
        ("HTTP://EXAMPLE.COM:8080", "http://example.com:8080"),
        ("http://93。184。216。34/", "http://93.184.216.34:80"),
        ("https://[2606:4700:0:0::1111]:8443/", "https://[2606:4700::1111]:8443"),
    ],
)
def test_an_honest_address_has_an_origin(url: str, origin: str) -> None:
    assert str(Policy().check_url(url)) == origin


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::10.0.0.1", "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:5db8:d822::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:0:4136:e378:8000:63bf:a247:2799",
        "192.88.99.1", "192.0.0.8", "192.0.0.170", "3fff::1", "5f00::1", "100::1", "2001:20::1", "2001:2::1",
        "::8.8.8.8", "::ffff:0:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808", "fe80::1%eth0", "febf::1", "ff0e::1",
    ],
)  # fmt: skip
def test_sec_41_no_inner_address_is_reached_however_it_is_written(address: str) -> None:
    with pytest.raises(EgressRefused):
        Policy().check_address(address, 443)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111"])
def test_sec_41_a_public_address_is_reached(address: str) -> None:
    assert str(Policy().check_address(address, 443)) == address


def test_sec_41_other_ports_own_addresses_and_the_operators_list() -> None:
    policy = policy_from("10.0.0.0/8, 127.0.0.1/32:9000, [fd00::]/8:443, 8.8.4.4:53", own_addresses=["8.8.8.8"])
    with pytest.raises(EgressRefused, match="Port 22"):
        policy.check_address("93.184.216.34", 22)
    with pytest.raises(EgressRefused, match="this server itself"):
        policy.check_address("8.8.8.8", 443)
    with pytest.raises(EgressRefused, match=r"REACTIONS_ALLOW_PRIVATE_ADDRESSES=127\.0\.0\.1/32:9001"):
        policy.check_address("127.0.0.1", 9001)
    for address, port in (
        ("10.9.9.9", 22),
        ("127.0.0.1", 9000),
        ("::ffff:127.0.0.1", 9000),
        ("8.8.4.4", 53),
        ("fd00::1", 443),
    ):
        assert policy.check_address(address, port)
    with pytest.raises(EgressRefused):
        policy.check_address("fd00::1", 80)


@pytest.mark.parametrize(
    "address",
    ["2002:a00:1::1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "::10.0.0.1", "2001:0:4136:e378:8000:63bf:f5ff:fffe"],
)
def test_sec_41_an_exception_for_a_network_is_none_for_the_relays_to_it(address: str) -> None:
    with pytest.raises(EgressRefused):
        policy_from("10.0.0.0/8").check_address(address, 443)
    assert policy_from("10.0.0.0/8").check_address("::ffff:10.0.0.1", 443)


def test_sec_41_an_own_address_is_recognised_in_every_form_and_an_operator_may_still_allow_it() -> None:
    for address in ("93.184.216.34", "::ffff:93.184.216.34", "2002:5db8:d822::1", "64:ff9b::5db8:d822"):
        with pytest.raises(EgressRefused):
            policy_from("", own_addresses=["93.184.216.34"]).check_address(address, 443)
    assert policy_from("93.184.216.34:443", own_addresses=["93.184.216.34"]).check_address("93.184.216.34", 443)


def test_the_hint_for_the_operator_is_an_entry_that_works() -> None:
    for address in ("10.1.2.3", "fd00::1", "::ffff:10.1.2.3"):
        with pytest.raises(EgressRefused) as refused:
            Policy().check_address(address, 9000)
        entry = str(refused.value).rsplit("=", 1)[1].rstrip(".")
        assert policy_from(entry).check_address(address, 9000)


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "ten", "127.0.0.1:0", "127.0.0.1:x", "10.1.2.3/8", "1.2.3.4:70000"])
def test_an_allow_list_entry_that_is_no_network_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        parse_allow_list(f"10.0.0.0/8, {entry}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"), ("content-length", "1"), ("Transfer-Encoding", "chunked"), ("Connection", "close"),
        ("Upgrade", "h2c"), ("TE", "trailers"), ("Trailer", "x"), ("Expect", "100-continue"),
        ("Proxy-Authorization", "x"), ("", "x"), ("a b", "x"), ("a:b", "x"), ("ä", "x"),
        ("X", "a\r\nEvil: b"), ("X", "a\nb"), ("X", "a\0b"),
        ("X", "🐙"), ("X", "ä"), ("X", "a\x0bb"), ("X", "a\x7f"), ("X\n", "a"), ("Keep-Alive", "1"), ("proxy-x", "1"),
    ],
)  # fmt: skip
def test_sec_43_a_header_that_could_change_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(EgressRefused):
        check_headers([(name, value)])


def test_sec_43_what_a_header_may_hold() -> None:
    check_headers([("X-A_b.c!", "tab\tand blank ~"), ("Content-Type", "text/plain"), ("X-Empty", "")])


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://Example.com", "http://example.com/"),
        ("http://example.com:80?q", "http://example.com/?q"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:8443/a/../b//c;d?e=f&g", "https://example.com:8443/a/../b//c;d?e=f&g"),
        ("http://bücher.example/ü?ö=%c3%9f#ä", "http://xn--bcher-kva.example/%C3%BC?%C3%B6=%C3%9F"),
        ('http://example.com/"<>\\^`{|}', "http://example.com/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("http://example.com/100%/%2/%zz", "http://example.com/100%25/%252/%25zz"),
        ("http://[2606:4700:0::1111]/", "http://[2606:4700::1111]/"),
    ],
)  # fmt: skip
def test_what_is_sent_is_a_normal_form_of_what_was_checked(url: str, sent: str) -> None:
    wire = Policy().wire(EgressRequest("get", url))
    assert (wire.method, wire.url) == ("GET", sent)
    assert sent.endswith(wire.target)
    assert Policy().wire(EgressRequest("GET", sent)).url == sent


def test_sec_42_no_request_gets_more_than_30_seconds() -> None:
    assert Policy().wire(EgressRequest("GET", "http://a.example/", deadline=300)).deadline == 30
    assert Policy().wire(EgressRequest("GET", "http://a.example/", deadline=3)).deadline == 3


def test_sec_23_a_secret_is_not_sent_to_a_host_that_it_does_not_name() -> None:
    policy = Policy()
    request = EgressRequest("GET", "https://evil.example/", allowed_hosts=("api.example.com",))
    with pytest.raises(EgressRefused, match=r"may not be sent to evil\.example"):
        policy.check_request(request)
    policy.check_request(EgressRequest("GET", "https://API.example.com/", allowed_hosts=("api.example.com",)))


def test_sec_40_a_redirect_to_another_origin_loses_credentials_and_own_headers() -> None:
    policy = Policy()
    request = EgressRequest(
        "POST", "https://a.example/x",
        (("Authorization", "s"), ("X-Own", "1"), ("Accept", "*/*"), ("Content-Type", "t")), b"body",
        max_redirects=9, client_certificate=b"pem",
    )  # fmt: skip
    same = policy.redirected(request, 307, "/y", 0)
    assert same is not None
    assert (same.url, same.method, same.body, same.headers) == ("https://a.example/y", "POST", b"body", request.headers)
    other = policy.redirected(request, 302, "https://b.example/y", 0)
    assert other is not None
    assert (other.method, other.body, other.client_certificate) == ("GET", b"", None)
    assert other.headers == (("Accept", "*/*"),)
    assert policy.redirected(request, 307, "/y", 3) is None
    assert policy.redirected(EgressRequest("GET", "https://a.example/"), 302, "/y", 0) is None
    with pytest.raises(EgressRefused, match="https to http"):
        policy.redirected(request, 302, "http://a.example/", 0)
    with pytest.raises(EgressRefused):
        policy.redirected(request, 302, "ftp://a.example/", 0)


@pytest.mark.parametrize(
    ("status", "method", "sent"),
    [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (301, "PUT", "PUT"),
        (307, "POST", "POST"), (308, "DELETE", "DELETE"),
    ],
)  # fmt: skip
def test_the_method_after_a_redirect(status: int, method: str, sent: str) -> None:
    request = EgressRequest(method, "https://a.example/", body=b"x", max_redirects=1)
    following = Policy().redirected(request, status, "/y", 0)
    assert following is not None
    assert (following.method, following.body) == (sent, b"" if sent == "GET" else following.body)


def test_a_location_beyond_ascii_is_read_as_utf_8() -> None:
    following = Policy().redirected(
        EgressRequest("GET", "https://a.example/", max_redirects=1), 302, "/ü".encode().decode("latin-1"), 0
    )
    assert following is not None
    assert following.url == "https://a.example/ü"


@pytest.mark.parametrize("location", ["http://[", "http://a.example:x/", "/a b", "javascript:alert(1)"])
def test_sec_40_a_redirect_that_cannot_be_read_is_refused_in_one_sentence(location: str) -> None:
    request = EgressRequest("GET", "http://a.example/", max_redirects=1)
    with pytest.raises(EgressRefused, match="redirects to an address that is not followed"):
        Policy().redirected(request, 302, location, 0)
