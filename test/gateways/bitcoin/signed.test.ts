import { HDKey } from '@scure/bip32'
import { RawTx, Transaction } from '@scure/btc-signer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import type { AccountKey } from '../../../src/gateways/gateway.ts'
import type { CoinPlan, Output } from '../../../src/gateways/spend.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { accountOf, coin, coinPlan, must, regtest, request, SCRIPTS, SEED, stranger } from './spending.ts'

const OUTPUTS: Output[] = [
  { address: stranger(1), units: 40_000n },
  { address: stranger(2, 'p2tr'), units: 30_000n },
]
const root = HDKey.fromMasterSeed(SEED, { public: 0x043587cf, private: 0x04358394 })
/** The library wants a key that says it has a private half. */
const master = root as HDKey & Exclude<Parameters<Transaction['sign']>[0], Uint8Array>

function worldOf(script: (typeof SCRIPTS)[number], outputs: readonly Output[] = OUTPUTS) {
  const account = accountOf(script)
  const plan = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 30_000n), coin(2, 30_000n), coin(3, 30_000n)])))
  const { v0, v2 } = spender.unsigned(regtest, account, plan).psbt ?? { v0: '', v2: '' }
  return { account, plan, v0, v2, ours: bitcoinSigner.sign(regtest, SEED, script, plan) }
}

/** As a merchant's wallet does: finds its keys by the paths, signs, and finalizes or does not. */
function signElsewhere(psbt: string, { finalize = true, key = master } = {}): Transaction {
  const transaction = Transaction.fromPSBT(fromBase64(psbt))
  transaction.sign(key, undefined, new Uint8Array(32))
  if (finalize) transaction.finalize()
  return transaction
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const read = (account: AccountKey, plan: CoinPlan, text: string) => spender.readSigned(regtest, account, plan, text)

describe.each(SCRIPTS)('%s', (script) => {
  test('what another wallet signs is taken back: PSBT v0 and v2, finalized or only signed, and raw', () => {
    const { account, plan, v0, v2, ours } = worldOf(script)
    for (const [psbt, version] of [
      [v0, 0],
      [v2, 2],
    ] as const) {
      const signed = must(read(account, plan, toBase64(signElsewhere(psbt, { finalize: false }).toPSBT(version))))
      expect(signed.txid).toBe(ours.txid)
      const final = signElsewhere(psbt)
      expect(must(read(account, plan, toBase64(final.toPSBT(version))))).toEqual(signed)
      expect(must(read(account, plan, ` ${toHex(final.extract())}\n`))).toEqual(signed)
      expect(final.id).toBe(ours.txid)
    }
    expect(must(read(account, plan, ours.raw))).toEqual(ours)
  })

  test('a PSBT says of every coin, and of change, what it holds and which key it is of', () => {
    const { account, plan, v0 } = worldOf(script)
    const psbt = Transaction.fromPSBT(fromBase64(v0))
    const purpose = script === 'p2wpkh' ? 84 : 86
    const path = (index: number) => [purpose, 1, 0].map((child) => child + 2 ** 31).concat(0, index)
    const pathOf = (fields: { bip32Derivation?: unknown; tapBip32Derivation?: unknown }) => {
      const [[, der]] = (fields.bip32Derivation ?? fields.tapBip32Derivation) as [[unknown, { der?: unknown }]]
      return der.der ?? der
    }
    for (const [i, { index, units }] of plan.inputs.entries()) {
      const input = psbt.getInput(i)
      expect(input.witnessUtxo?.amount).toBe(units)
      expect(input.sequence).toBe(0xfffffffd)
      expect(pathOf(input)).toEqual({ fingerprint: master.fingerprint, path: path(index) })
    }
    const position = plan.change?.position ?? -1
    expect(pathOf(psbt.getOutput(position))).toEqual({ fingerprint: master.fingerprint, path: path(plan.change?.index ?? -1) })
    expect(psbt.lockTime).toBe(500)
    // Of an account without an origin its own key is the root.
    const { origin: _origin, ...bare } = account
    const rootless = Transaction.fromPSBT(fromBase64(spender.unsigned(regtest, bare, plan).psbt?.v2 ?? ''))
    const own = HDKey.fromExtendedKey(account.xpub, { public: 0x043587cf, private: 0 })
    expect(pathOf(rootless.getInput(0))).toEqual({ fingerprint: own.fingerprint, path: [0, plan.inputs[0]?.index] })
  })

  test('any one byte of a raw transaction changed is refused', () => {
    const { account, plan, ours } = worldOf(script)
    fc.assert(
      fc.property(fc.nat(ours.raw.length / 2 - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = fromHex(ours.raw)
        bytes[at] = (bytes[at] ?? 0) ^ flip
        expect(read(account, plan, toHex(bytes)).ok).toBe(false)
      }),
      { numRuns: 100 },
    )
    expect(read(account, plan, `${ours.raw}00`).ok).toBe(false)
    expect(read(account, plan, ours.raw.slice(0, -2)).ok).toBe(false)
  }, 60_000)

  test('any one byte of a PSBT changed is refused, or it is still the same transaction', () => {
    const { account, plan, v0, v2, ours } = worldOf(script)
    const texts = [v0, v2].map((psbt, i) => signElsewhere(psbt, { finalize: i === 0 }).toPSBT(i === 0 ? 0 : 2))
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), fc.integer({ min: 1, max: 255 }), (whole, place, flip) => {
        const bytes = Uint8Array.from(whole)
        const at = place % bytes.length
        bytes[at] = (bytes[at] ?? 0) ^ flip
        const answer = read(account, plan, toBase64(bytes))
        if (answer.ok) expect(answer.value.txid).toBe(ours.txid)
      }),
      { numRuns: 200 },
    )
  }, 60_000)

  test('every difference from the plan is refused by its name', () => {
    const { account, plan, ours } = worldOf(script)
    const raw = RawTx.decode(fromHex(ours.raw))
    const [first, ...others] = raw.inputs as [(typeof raw.inputs)[0], ...typeof raw.inputs]
    const [paid, ...rest] = raw.outputs as [(typeof raw.outputs)[0], ...typeof raw.outputs]
    const witnesses = raw.witnesses ?? []
    const cases: [Partial<typeof raw>, RegExp][] = [
      [{ version: 1 }, /version is 1/],
      [{ lockTime: 501 }, /lock time is 501/],
      [{ inputs: others, witnesses: witnesses.slice(1) }, /2 inputs, not 3/],
      [{ inputs: [...others, first] }, /input 0 is another coin/],
      [{ inputs: [{ ...first, index: first.index + 1 }, ...others] }, /input 0 is another coin/],
      [{ inputs: [{ ...first, sequence: 0xffffffff }, ...others] }, /input 0 has the sequence/],
      [{ inputs: [{ ...first, finalScriptSig: Uint8Array.of(0) }, ...others] }, /input 0 has a script/],
      [{ outputs: rest }, /2 outputs, not 3/],
      [{ outputs: [...rest, paid] }, /output 0 pays/],
      [{ outputs: [{ ...paid, amount: paid.amount - 1n }, ...rest] }, /output 0 pays \d+, not/],
    ]
    for (const [changed, detail] of cases) {
      const text = toHex(RawTx.encode({ ...raw, ...changed }))
      expect(read(account, plan, text)).toMatchObject({ error: { reason: 'differs', detail: expect.stringMatching(detail) } })
    }
    // Signatures that were made for other amounts of the same coins.
    const otherPlan = { ...plan, inputs: plan.inputs.map((one) => ({ ...one, units: one.units + 1n })), fee: plan.fee + 3n }
    const lied = bitcoinSigner.sign(regtest, SEED, script, otherPlan)
    expect(lied.txid).toBe(ours.txid)
    expect(read(account, plan, lied.raw)).toMatchObject({
      error: { reason: 'not_signed', detail: 'input 0 has a signature that is not right' },
    })
    const liar = signElsewhere(spender.unsigned(regtest, account, otherPlan).psbt?.v0 ?? '', { finalize: false })
    expect(read(account, plan, toBase64(liar.toPSBT()))).toMatchObject({
      error: { reason: 'differs', detail: 'input 0 is said to hold 30001, not 30000' },
    })
  })

  test('signed in part, by another key, or for less than all of it, is not signed', () => {
    const { account, plan, v0, ours } = worldOf(script)
    const notSigned = (text: string, detail: RegExp) =>
      expect(read(account, plan, text)).toMatchObject({ error: { reason: 'not_signed', detail: expect.stringMatching(detail) } })
    notSigned(v0, /input 0 is not signed/)
    const part = Transaction.fromPSBT(fromBase64(v0))
    part.signIdx(master, 0)
    notSigned(toBase64(part.toPSBT()), /input 1 is not signed/)

    const raw = RawTx.decode(fromHex(ours.raw))
    const [one = [], two = [], three = []] = raw.witnesses ?? []
    const withWitness = (witness: Uint8Array[]) => toHex(RawTx.encode({ ...raw, witnesses: [witness, two, three] }))
    notSigned(
      withWitness(two),
      script === 'p2tr' ? /input 0 has a signature that is not right/ : /input 0 is signed by another key/,
    )
    notSigned(withWitness([...one, Uint8Array.of(1)]), /input 0 has a witness of another form/)
    const [signature = new Uint8Array(), ...key] = one
    // SIGHASH_NONE: whoever has it could change the outputs.
    const none = script === 'p2tr' ? Uint8Array.of(...signature, 2) : Uint8Array.of(...signature.subarray(0, -1), 2)
    notSigned(withWitness([none, ...key]), /input 0 is not signed for all of the transaction/)

    // A wallet signs what the PSBT asks it for: here a type that leaves the outputs open.
    const open = Transaction.fromPSBT(fromBase64(v0))
    for (const i of [0, 1, 2]) open.updateInput(i, { sighashType: 2 })
    open.sign(master, [2])
    notSigned(toBase64(open.toPSBT()), /not signed for all/)
  })
})

test('taproot: SIGHASH_ALL written out is as good as the default', () => {
  const { account, plan, v0, ours } = worldOf('p2tr')
  const psbt = Transaction.fromPSBT(fromBase64(v0))
  for (const i of [0, 1, 2]) psbt.updateInput(i, { sighashType: 1 })
  psbt.sign(master, [1])
  psbt.finalize()
  expect(must(read(account, plan, toHex(psbt.extract()))).txid).toBe(ours.txid)
})

test('a signature with the high S that nodes refuse is refused here', () => {
  const { account, plan, ours } = worldOf('p2wpkh')
  const raw = RawTx.decode(fromHex(ours.raw))
  const [one = [], ...others] = raw.witnesses ?? []
  const [signature = new Uint8Array(), key = new Uint8Array()] = one
  const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const rLength = signature[3] ?? 0
  const s = BigInt(`0x${toHex(signature.subarray(6 + rLength, -1))}`)
  const high = fromHex(`00${(n - s).toString(16).padStart(64, '0')}`)
  const body = Uint8Array.of(...signature.subarray(2, 4 + rLength), 2, high.length, ...high)
  const flipped = Uint8Array.of(0x30, body.length, ...body, 1)
  expect(read(account, plan, toHex(RawTx.encode({ ...raw, witnesses: [[flipped, key], ...others] })))).toMatchObject({
    error: { reason: 'not_signed' },
  })
})

test('text that is neither is unreadable, and nothing makes it throw', () => {
  const { account, plan } = worldOf('p2wpkh')
  for (const text of ['', '  ', 'hello!', '00', 'cHNidP8=']) {
    expect(read(account, plan, text)).toMatchObject({ ok: false, error: { reason: 'unreadable' } })
  }
  // A PSBT of nothing at all.
  expect(read(account, plan, 'cHNidP8BAAoCAAAAAAAAAAAAAA==')).toMatchObject({ error: { reason: 'differs' } })
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ maxLength: 300 }).map(toHex)), (text) => {
      expect(read(account, plan, text).ok).toBe(false)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(read(account, plan, toBase64(Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff, ...bytes))).ok).toBe(false)
    }),
  )
})
