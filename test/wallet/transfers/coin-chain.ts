import { sha256 } from '@noble/hashes/sha2.js'
import { RawTx } from '@scure/btc-signer'
import type { AddressBalance, UnspentOutput } from '../../../src/gateways/gateway.ts'
import type { ParentFacts, Sender, Sighting } from '../../../src/gateways/send.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { err, ok } from '../../../src/lib/result.ts'

interface Seen {
  readonly txid: string
  readonly spends: readonly string[]
  readonly outputs: readonly { key: string; units: bigint }[]
  /** Virtual bytes. */
  readonly vsize: number
  /** Else 2. */
  readonly version?: number
  fee: bigint
  height: number | null
}

/** A chain of coins in memory: what a node would say, by the rules that a node has. Blocks are final two deep. */
export class CoinChain {
  height = 200
  satsPerKvb = 2_000n
  /** Every request is refused as long as it is set. */
  isDown = false
  readonly seen: Seen[] = []
  readonly #coins = new Map<string, { key: string; units: bigint; height: number; coinbase: boolean }>()

  /** A coin in a block that exists already. */
  fund(watchKey: Uint8Array, units: bigint, { coinbase = false, depth = 10 } = {}): void {
    const txid = toHex(sha256(new TextEncoder().encode(`coin ${this.#coins.size} ${toHex(watchKey)}`)))
    this.#coins.set(`${txid}:0`, { key: toHex(watchKey), units, height: this.height - depth, coinbase })
  }

  /** Somebody's payment waits, out of a coin of theirs; answers its id. Of nobody's when there is no key. */
  receive(watchKey: Uint8Array | null, units: bigint, { fee = 150n, vsize = 150, version = 2 } = {}): string {
    const name = `payment ${this.seen.length} ${units}`
    const txid = toHex(sha256(new TextEncoder().encode(name)))
    const theirs = `${toHex(sha256(new TextEncoder().encode(`coin of ${name}`)))}:0`
    this.#coins.set(theirs, { key: '', units: units + fee, height: 0, coinbase: false })
    const outputs = [{ key: '00', units: 1n }, ...(watchKey ? [{ key: toHex(watchKey), units }] : [])]
    this.seen.push({ txid, spends: [theirs], outputs, vsize, version, fee, height: null })
    return txid
  }

  /** What a transaction spends. */
  spentBy(txid: string): readonly string[] {
    return this.seen.find((tx) => tx.txid === txid)?.spends ?? []
  }

  /** All that waits is in the next block. */
  mine(blocks = 1): void {
    for (let n = 0; n < blocks; n++) {
      this.height++
      for (const tx of this.seen) if (tx.height === null) tx.height = this.height
    }
  }

  /** The newest blocks are gone; what they held waits again. */
  reorganise(depth: number): void {
    for (const tx of this.seen) if (tx.height !== null && tx.height > this.height - depth) tx.height = null
  }

  /** Nobody has heard of what waits. */
  forget(): void {
    for (const tx of [...this.seen]) if (tx.height === null) this.seen.splice(this.seen.indexOf(tx), 1)
  }

  /** Somebody else's transaction that spends these; null: it waits for a block. */
  steal(spends: readonly string[], height: number | null = this.height): void {
    const gone = new Set(spends)
    for (const tx of [...this.seen]) {
      if (!tx.spends.some((coin) => gone.has(coin))) continue
      this.seen.splice(this.seen.indexOf(tx), 1)
      // What spends of it is gone with it.
      for (const vout of tx.outputs.keys()) gone.add(`${tx.txid}:${vout}`)
    }
    this.seen.push({ txid: 'f'.repeat(64), spends, outputs: [], vsize: 100, fee: 0n, height })
  }

  /** What an address has, as a reading tells it. */
  balanceOf(watchKey: Uint8Array): Omit<AddressBalance, 'position'> | null {
    const spent = new Set(this.seen.flatMap(({ height, spends }) => (height === null ? [] : spends)))
    const coins: UnspentOutput[] = []
    for (const [outpoint, { key, units, height, coinbase }] of this.#all()) {
      const [txid = '', vout] = outpoint.split(':')
      if (key !== toHex(watchKey) || spent.has(outpoint)) continue
      const leaving = this.seen.some((tx) => tx.height === null && tx.spends.includes(outpoint))
      coins.push({ txid, vout: Number(vout), units, height, coinbase, leaving })
    }
    const confirmed = coins.reduce((sum, { units }) => sum + units, 0n)
    return coins.length === 0 ? null : { assetCode: 'BTC', confirmed, leaving: 0n, coins }
  }

  /** What was paid to a script, in blocks. */
  paid(key: Uint8Array): bigint {
    const outputs = this.seen.filter(({ height }) => height !== null).flatMap((tx) => tx.outputs)
    return outputs.filter((output) => output.key === toHex(key)).reduce((sum, { units }) => sum + units, 0n)
  }

  readonly sender: Sender = {
    facts: async ({ parent }) => {
      if (this.isDown) return DOWN
      const facts = { fees: { kind: 'coins', satsPerKvb: this.satsPerKvb }, height: this.height, payer: null } as const
      return ok(parent ? { ...facts, parent: this.#parent(parent.txid) } : facts)
    },
    broadcast: async (raw) => {
      if (this.isDown) return DOWN
      const tx = this.#read(raw)
      if (this.seen.some(({ txid }) => txid === tx.txid)) return ok({ answer: 'taken' })
      const rivals = this.seen.filter(({ spends }) => spends.some((coin) => tx.spends.includes(coin)))
      const isDear = rivals.every(({ height, fee }) => height === null && fee < tx.fee)
      const coins = this.#all(true)
      if (!isDear || tx.spends.some((coin) => !coins.has(coin)))
        return ok({ answer: 'refused', why: 'spent', detail: 'bad-txns-inputs-missingorspent' })
      for (const rival of rivals) this.seen.splice(this.seen.indexOf(rival), 1)
      this.seen.push(tx)
      return ok({ answer: 'taken' })
    },
    look: async ({ txids, plan, ancestors = [] }) => {
      if (this.isDown || plan.kind !== 'coins') return DOWN
      const found = this.seen.find(({ txid }) => txids.includes(txid))
      if (found) return ok(this.#sighting(found))
      const spends = [...plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`), ...ancestors.flatMap((one) => one.spends)]
      const isOurs = ({ txid }: Seen) => ancestors.some((one) => one.txid === txid)
      const rival = this.seen.find((tx) => !isOurs(tx) && tx.spends.some((coin) => spends.includes(coin)))
      const coins = this.#all(true)
      const orphan = plan.inputs.some(({ txid, vout }) => !coins.has(`${txid}:${vout}`))
      if (!rival) return ok({ status: 'absent', searchedHeight: this.height, ...(orphan && { orphan }) })
      const final = rival.height !== null && this.height - rival.height >= 1
      // Nobody here pays the same in another way.
      const told = { byAll: true, ...(rival.height !== null && { pays: false }) }
      return ok({ status: 'conflict', byTxid: rival.txid, final, searchedHeight: this.height, ...told })
    },
  }

  #sighting({ txid, height, fee }: Seen): Sighting {
    if (height === null) return { status: 'waiting', txid }
    const confirmations = this.height - height + 1
    return {
      status: 'included',
      txid,
      height,
      blockHash: `hash ${height}`,
      confirmations,
      final: confirmations >= 2,
      reverted: false,
      fee,
    }
  }

  #read(raw: string): Seen {
    const { inputs, outputs, ...rest } = RawTx.decode(fromHex(raw))
    const stripped = RawTx.encode({ ...rest, inputs, outputs, segwitFlag: false, witnesses: undefined })
    const txid = toHex(sha256(sha256(stripped)).reverse())
    const coins = this.#all(true)
    const spends = inputs.map((input) => `${toHex(input.txid)}:${input.index}`)
    const paid = outputs.map(({ script, amount }) => ({ key: toHex(script), units: amount }))
    const sum = (units: readonly bigint[]) => units.reduce((all, one) => all + one, 0n)
    const fee = sum(spends.map((coin) => coins.get(coin)?.units ?? 0n)) - sum(paid.map(({ units }) => units))
    return { txid, spends, outputs: paid, vsize: Math.ceil(raw.length / 2), fee, height: null }
  }

  /** Of no waiting ancestors: these payments spend what is in blocks. */
  #parent(txid: string): ParentFacts {
    const tx = this.seen.find((one) => one.txid === txid)
    if (!tx) return { status: 'unknown' }
    if (tx.height !== null) return { status: 'in_block' }
    const isSpent = (vout: number) => this.seen.some(({ spends }) => spends.includes(`${txid}:${vout}`))
    const outputs = tx.outputs.map(({ key, units }, vout) => ({ vout, units, script: key, spent: isSpent(vout) }))
    return {
      status: 'waiting',
      version: tx.version ?? 2,
      outputs,
      ancestors: [{ txid, spends: tx.spends, fee: tx.fee, vsize: tx.vsize }],
    }
  }

  /** Also those that transactions in blocks made, or any. */
  #all(withWaiting = false) {
    const all = new Map(this.#coins)
    for (const { txid, outputs, height } of this.seen) {
      for (const [vout, { key, units }] of outputs.entries())
        if (height !== null || withWaiting) all.set(`${txid}:${vout}`, { key, units, height: height ?? 0, coinbase: false })
    }
    return all
  }
}

const DOWN = err({ reason: 'node_unreachable', detail: 'no node answers' } as const)
