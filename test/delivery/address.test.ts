import { expect, test } from 'vitest'
import { checkAddress } from '../../src/delivery/address.ts'

const reason = (url: string, development = false) => {
  const result = checkAddress(url, development)
  return result.ok ? 'ok' : result.error.reason
}

test.each([
  'https://shop.example.com/hooks/paytomat?shop=1',
  'https://shop.example.com:443/',
  'https://shop.example.com:8443/',
  'https://shop.example.com:1024/',
  'https://SHOP.Example.COM./x',
  'https://münchen.example.de/',
  'https://xn--mnchen-3ya.de/',
  'https://local.example.com/',
  'https://localhost.example.com/',
  'https://8.8.8.8/',
  'https://172.15.255.255/',
  'https://172.32.0.1/',
  'https://100.63.255.255/',
  'https://100.128.0.1/',
  'https://192.167.1.1/',
  'https://198.17.255.255/',
  'https://223.255.255.255/',
  'https://[2606:4700:4700::1111]/',
  'https://[2a00:1450:4001:830::200e]:8443/',
  'https://[2001:4860:4860::8888]/',
])('%s may be called', (url) => {
  expect(reason(url)).toBe('ok')
})

test.each([
  ['loopback', 'https://127.0.0.1/'],
  ['loopback, other', 'https://127.255.255.254/'],
  ['loopback, decimal', 'https://2130706433/'],
  ['loopback, octal', 'https://0177.0.0.1/'],
  ['loopback, hexadecimal', 'https://0x7f000001/'],
  ['loopback, hexadecimal parts', 'https://0x7f.0x0.0x0.0x1/'],
  ['loopback, short', 'https://127.1/'],
  ['loopback, full-width digits', 'https://\uff11\uff12\uff17.0.0.1/'],
  ['loopback, percent-encoded', 'https://%31%32%37.0.0.1/'],
  ['loopback, ideographic full stops', 'https://127\u30020\u30020\u30021/'],
  ['loopback, trailing dot', 'https://127.0.0.1./'],
  ['loopback behind a back slash', 'https:\\\\127.0.0.1\\x'],
  ['this host', 'https://0.0.0.0/'],
  ['this host, short', 'https://0/'],
  ['private 10', 'https://10.1.2.3/'],
  ['private 172.16', 'https://172.16.0.1/'],
  ['private 172.31', 'https://172.31.255.255/'],
  ['private 192.168', 'https://192.168.1.1:8443/'],
  ['private, decimal', 'https://3232235777/'],
  ['carrier-grade NAT', 'https://100.64.0.1/'],
  ['carrier-grade NAT end, Alibaba metadata', 'https://100.100.100.200/'],
  ['link-local, cloud metadata', 'https://169.254.169.254/latest/meta-data/'],
  ['link-local, hexadecimal', 'https://0xa9fea9fe/'],
  ['Azure host service', 'https://168.63.129.16/'],
  ['Oracle metadata', 'https://192.0.0.192/'],
  ['documentation 192.0.2', 'https://192.0.2.1/'],
  ['documentation 198.51.100', 'https://198.51.100.7/'],
  ['documentation 203.0.113', 'https://203.0.113.7/'],
  ['6to4 relay', 'https://192.88.99.1/'],
  ['benchmarking', 'https://198.19.255.255/'],
  ['multicast', 'https://224.0.0.1/'],
  ['reserved', 'https://240.0.0.1/'],
  ['broadcast', 'https://255.255.255.255/'],
  ['IPv6 loopback', 'https://[::1]/'],
  ['IPv6 loopback in full', 'https://[0000:0000:0000:0000:0000:0000:0000:0001]/'],
  ['IPv6 unspecified', 'https://[::]/'],
  ['IPv4-mapped loopback', 'https://[::ffff:127.0.0.1]/'],
  ['IPv4-mapped metadata, hexadecimal', 'https://[::ffff:a9fe:a9fe]/'],
  ['IPv4-mapped public', 'https://[::ffff:8.8.8.8]/'],
  ['IPv4-compatible', 'https://[::7f00:1]/'],
  ['IPv6 link-local', 'https://[fe80::1]/'],
  ['IPv6 site-local', 'https://[fec0::1]/'],
  ['IPv6 unique local', 'https://[fd00:ec2::254]/'],
  ['IPv6 multicast', 'https://[ff02::1]/'],
  ['NAT64 of a private address', 'https://[64:ff9b::a00:1]/'],
  ['local NAT64', 'https://[64:ff9b:1::a00:1]/'],
  ['6to4 of a private address', 'https://[2002:a00:1::]/'],
  ['Teredo', 'https://[2001:0:a00:1::]/'],
  ['IPv6 documentation', 'https://[2001:db8::1]/'],
  ['IPv6 documentation, new block', 'https://[3fff::1]/'],
  ['IPv6 discard', 'https://[100::1]/'],
  ['localhost', 'https://localhost/'],
  ['localhost in capitals with a dot', 'https://LOCALHOST./'],
  ['name below localhost', 'https://a.localhost/'],
  ['multicast DNS', 'https://printer.local/'],
  ['Google metadata', 'https://metadata.google.internal/'],
  ['intranet', 'https://wiki.intranet/'],
  ['corp', 'https://git.corp/'],
  ['home network', 'https://nas.home.arpa/'],
  ['router', 'https://router.lan/'],
  ['single label', 'https://intranet/'],
  ['single label with a dot', 'https://com./'],
  ['port of mail', 'https://shop.example.com:25/'],
  ['port of plain http', 'https://shop.example.com:80/'],
  ['port below 1024', 'https://shop.example.com:1023/'],
  ['port 0', 'https://shop.example.com:0/'],
])('%s is refused', (_name, url) => {
  expect(reason(url)).toBe('address_not_allowed')
})

test.each([
  ['plain http', 'http://shop.example.com/'],
  ['another scheme', 'ftp://shop.example.com/'],
  ['a script', 'javascript:alert(1)'],
  ['a file', 'file:///etc/passwd'],
  ['a user', 'https://user@shop.example.com/'],
  ['a user and password', 'https://user:secret@shop.example.com/'],
  ['a host that looks like a user', 'https://shop.example.com:x@127.0.0.1/'],
  ['a fragment', 'https://shop.example.com/#a'],
  ['an empty fragment', 'https://shop.example.com/#'],
  ['no scheme', 'shop.example.com/hook'],
  ['nothing', ''],
  ['white space around', ' https://shop.example.com/'],
  ['a line break inside', 'https://shop.example\n.com/'],
  ['too large a number as address', 'https://4294967296/'],
  ['a number as last label', 'https://shop.example.1a.256.1/'],
  ['an unclosed IPv6 address', 'https://[::1/'],
  ['a zone', 'https://[fe80::1%25eth0]/'],
  ['a port over 65535', 'https://shop.example.com:65536/'],
  ['too long', `https://shop.example.com/${'a'.repeat(1_990)}`],
  ['too long once encoded', `https://shop.example.com/${'€'.repeat(300)}`],
])('%s is no webhook URL', (_name, url) => {
  expect(reason(url)).toBe('bad_url')
})

test.each([
  'http://localhost:3000/hook',
  'http://127.0.0.1:80/',
  'http://[::1]:9000/',
  'http://shop.localhost:8080/',
  'http://shop.example.com/',
  'https://localhost:444/',
])('development: %s may be called', (url) => {
  expect(reason(url, true)).toBe('ok')
})

test.each([
  'http://10.0.0.1/',
  'http://169.254.169.254/',
  'http://[fe80::1]/',
  'http://metadata.google.internal/',
  'http://0.0.0.0:3000/',
])('development opens loopback only: %s is refused', (url) => {
  expect(reason(url, true)).toBe('address_not_allowed')
})

test('the URL is answered as the parser wrote it, so that what was checked is what is called', () => {
  expect(checkAddress('https://SHOP.example.com:443\\a b'.replace(' ', '%20'), false)).toEqual({
    ok: true,
    value: 'https://shop.example.com/a%20b',
  })
})
