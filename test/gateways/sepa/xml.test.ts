import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readXml, XML_DEPTH_MAX } from '../../../src/gateways/sepa/xml.ts'

const reasonOf = (text: string) => {
  const read = readXml(text)
  return read.ok ? 'ok' : read.error.reason
}

describe('what is read', () => {
  test('elements without their prefixes, attributes, text, comments, CDATA, XML’s own entities', () => {
    const read = readXml(
      '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!-- a --><ns:A xmlns:ns="urn:x" b = \'1 &lt; 2\'>\n' +
        '<B/><ns:C > x &amp; y<!-- <D> --><![CDATA[ <&> ]]>&#233;&#xe9; </ns:C></ns:A><!-- end -->\n',
    )
    expect(read.ok && read.value).toEqual({
      name: 'A',
      attributes: { 'xmlns:ns': 'urn:x', b: '1 < 2' },
      children: [
        { name: 'B', attributes: {}, children: [], text: '' },
        { name: 'C', attributes: {}, children: [], text: 'x & y <&> éé' },
      ],
      text: '',
    })
  })
})

describe('what is refused', () => {
  test.each([
    ['a document type', '<!DOCTYPE a><a/>', 'xml_not_allowed'],
    ['an entity of one’s own', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 'xml_not_allowed'],
    ['an unknown entity', '<a>&x;</a>', 'xml_not_allowed'],
    ['an entity that is an object’s own word', '<a>&constructor;</a>', 'xml_not_allowed'],
    ['a bare ampersand', '<a>x & y</a>', 'xml_not_allowed'],
    ['a character that XML cannot have', '<a>&#0;</a>', 'xml_not_allowed'],
    ['a processing instruction', '<a><?php ?></a>', 'xml_not_allowed'],
    ['a style sheet', '<?xml-stylesheet href="x"?><a/>', 'xml_not_allowed'],
    ['a second declaration', '<?xml version="1.0"?><?xml version="1.0"?><a/>', 'xml_not_allowed'],
    ['another encoding', '<?xml version="1.0" encoding="UTF-16"?><a/>', 'xml_not_allowed'],
    ['nothing', '', 'not_xml'],
    ['text alone', 'hello', 'not_xml'],
    ['two roots', '<a/><b/>', 'not_xml'],
    ['text after the root', '<a/>x', 'not_xml'],
    ['what is not closed', '<a><b></a>', 'not_xml'],
    ['what is never closed', '<a><b>', 'not_xml'],
    ['what was not open', '</a>', 'not_xml'],
    ['an attribute twice', '<a b="1" b="2"/>', 'not_xml'],
    ['an attribute without quotes', '<a b=1/>', 'not_xml'],
    ['attributes without a space', '<a b="1"c="2"/>', 'not_xml'],
    ['markup in an attribute', '<a b="<c>"/>', 'not_xml'],
    ['a comment without an end', '<a><!-- </a>', 'not_xml'],
    ['CDATA without an end', '<a><![CDATA[x</a>', 'not_xml'],
    ['depth', '<a>'.repeat(XML_DEPTH_MAX + 1), 'xml_too_large'],
    ['attributes without number', `<a ${Array.from({ length: 30 }, (_, at) => `b${at}=""`).join(' ')}/>`, 'xml_too_large'],
  ])('%s', (_what, text, reason) => {
    expect(reasonOf(text)).toBe(reason)
  })
})

test('no text makes it throw, nor any cut or change of a good one', () => {
  const good = '<?xml version="1.0"?><a b="c"><d>&amp;<![CDATA[x]]></d><!-- e --><f g=\'h\'/></a>'
  const pieces = fc.constantFrom(
    '<',
    '>',
    '</',
    '/>',
    '<a',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?',
    '?>',
    '<!',
    '&',
    '&#x',
    ';',
    '"',
    "'",
    '=',
    ' ',
    'a',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => void readXml(parts.join(''))),
    { numRuns: 2_000 },
  )
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(good.length), pieces, (from, to, piece) => {
      void readXml(good.slice(0, from))
      void readXml(good.slice(0, from) + piece + good.slice(to))
    }),
    { numRuns: 2_000 },
  )
})
