import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPain001 } from '../../../scripts/bank/payment-file.ts'
import {
  type CreditTransfer,
  FILE_TRANSFERS_MAX,
  idOfName,
  nameAtBanks,
  type PaymentFile,
  writePain001,
} from '../../../src/gateways/sepa/pain001.ts'
import { sepaText } from '../../../src/gateways/sepa/text.ts'
import { base32, isId } from '../../../src/lib/ids.ts'
import { faultsOf } from './pain001-form.ts'

const transfer: CreditTransfer = {
  endToEndId: 'TR9PS800000000000000000000000000000',
  cents: 12_34n,
  name: 'Ana Müller',
  iban: 'NL91ABNA0417164300',
  bic: null,
  text: 'Refund of order 1042',
}

const file: PaymentFile = {
  id: 'PF1',
  createdAtMs: Date.parse('2026-11-22T16:44:12.345Z'),
  account: { iban: 'DE89370400440532013000', bic: null, holder: 'Corner Kiosk GmbH & Co. KG' },
  transfers: [transfer],
}

const IBANS = ['NL91ABNA0417164300', 'DE89370400440532013000', 'FR1420041010050500013M02606', 'CH9300762011623852957']
const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `tr_${base32(bytes)}`)
const transfers = fc.array(
  fc.record({
    endToEndId: id.map(nameAtBanks),
    cents: fc.bigInt({ min: 1n, max: 99_999_999_999n }),
    name: text.filter((name) => sepaText(name, 70) !== null),
    iban: fc.constantFrom(...IBANS),
    bic: fc.constantFrom(null, 'ABNANL2A', 'COBADEFFXXX'),
    text,
  }),
  { minLength: 1, maxLength: 20 },
)

describe('a payment file', () => {
  test('is this, to the byte', () => {
    expect(writePain001(file)).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn>' +
        '<GrpHdr><MsgId>PF1</MsgId><CreDtTm>2026-11-22T16:44:12Z</CreDtTm><NbOfTxs>1</NbOfTxs><CtrlSum>12.34</CtrlSum>' +
        '<InitgPty><Nm>Corner Kiosk GmbH + Co. KG</Nm></InitgPty></GrpHdr>' +
        '<PmtInf><PmtInfId>PF1</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>false</BtchBookg>' +
        '<NbOfTxs>1</NbOfTxs><CtrlSum>12.34</CtrlSum><PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>' +
        '<ReqdExctnDt><Dt>2026-11-22</Dt></ReqdExctnDt><Dbtr><Nm>Corner Kiosk GmbH + Co. KG</Nm></Dbtr>' +
        '<DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct>' +
        '<DbtrAgt><FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>' +
        '<CdtTrfTxInf><PmtId><EndToEndId>TR9PS800000000000000000000000000000</EndToEndId></PmtId>' +
        '<Amt><InstdAmt Ccy="EUR">12.34</InstdAmt></Amt><Cdtr><Nm>Ana Mueller</Nm></Cdtr>' +
        '<CdtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></CdtrAcct>' +
        '<RmtInf><Ustrd>Refund of order 1042</Ustrd></RmtInf></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>\n',
    )
  })

  test('names the banks where their BICs are known', () => {
    const written = writePain001({
      ...file,
      account: { ...file.account, bic: 'COBADEFFXXX' },
      transfers: [{ ...transfer, bic: 'ABNANL2A', text: '' }],
    })
    expect(faultsOf(written)).toEqual([])
    expect(written).toContain('<DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt>')
    expect(written).toContain('<CdtrAgt><FinInstnId><BICFI>ABNANL2A</BICFI></FinInstnId></CdtrAgt>')
    expect(written).not.toContain('RmtInf')
  })

  test('is dated as it is where the banks are', () => {
    const at = (time: string) => writePain001({ ...file, createdAtMs: Date.parse(time) })
    expect(at('2026-11-22T23:30:00Z')).toContain('<ReqdExctnDt><Dt>2026-11-23</Dt></ReqdExctnDt>')
    expect(at('2026-07-01T22:30:00Z')).toContain('<ReqdExctnDt><Dt>2026-07-02</Dt></ReqdExctnDt>')
  })

  test('keeps to the form, and a bank reads out of it what was put in, to the cent', () => {
    fc.assert(
      fc.property(
        transfers,
        text.filter((name) => sepaText(name, 70) !== null),
        (transfers, holder) => {
          const wanted = { ...file, account: { ...file.account, holder }, transfers }
          const written = writePain001(wanted)
          expect(faultsOf(written)).toEqual([])
          expect(writePain001(structuredClone(wanted))).toBe(written)
          expect(readPain001(written)).toEqual({
            id: 'PF1',
            iban: file.account.iban,
            transfers: transfers.map((one) => ({ ...one, name: sepaText(one.name, 70), text: sepaText(one.text, 140) ?? '' })),
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  test('as large as it may be fits into one row of a Durable Object (2 MB)', () => {
    const largest = {
      ...transfer,
      cents: 99_999_999_999n,
      name: "'".repeat(69).concat('a'),
      text: 'x'.repeat(140),
      bic: 'COBADEFFXXX',
    }
    const written = writePain001({ ...file, transfers: Array.from({ length: FILE_TRANSFERS_MAX }, () => largest) })
    expect(written).toContain('<CtrlSum>999999999990.00</CtrlSum>')
    expect(written.length).toBeLessThan(1_000_000)
  })

  test.each([
    ['nothing', { transfers: [] }],
    ['too many transfers', { transfers: Array.from({ length: FILE_TRANSFERS_MAX + 1 }, () => transfer) }],
    ['a transfer of nothing', { transfers: [{ ...transfer, cents: 0n }] }],
    ['a transfer of a billion', { transfers: [{ ...transfer, cents: 100_000_000_000n }] }],
    ['an account that is none', { transfers: [{ ...transfer, iban: 'NL91ABNA0417164301' }] }],
    ['a name that banks cannot write', { transfers: [{ ...transfer, name: '王' }] }],
  ])('of %s is a defect', (_what, changes) => {
    expect(() => writePain001({ ...file, ...changes })).toThrow('assertion failed')
  })
})

describe('the name of a transfer at banks', () => {
  test('is 34 characters of their set and leads back, whatever a bank does to its case', () => {
    fc.assert(
      fc.property(id, (id) => {
        expect(isId('tr', id)).toBe(true)
        expect(nameAtBanks(id)).toMatch(/^TR[0-9A-Z]{32}$/)
        expect(idOfName('tr', nameAtBanks(id))).toBe(id)
        expect(idOfName('tr', ` ${nameAtBanks(id).toLowerCase()}`)).toBe(id)
      }),
    )
  })

  test.each(['', 'NOTPROVIDED', 'RF18539007547034', 'TR1', `TR${'I'.repeat(32)}`])('“%s” is none of ours', (text) => {
    expect(idOfName('tr', text)).toBeNull()
  })
})
