import { toHex } from '../../src/lib/bytes.ts'
import { isForeign, type OwnCall, type SimBlock, type SimOutput, type SimTransaction } from './transactions.ts'

/** What addresses have at a block: coins and their heights; or, where accounts are kept, sums and numbers. */
export interface BranchState {
  /** By `txid:vout`. */
  readonly coins: Map<string, { readonly key: string; readonly units: bigint; readonly height: number }>
  /** `<address key> <asset>` */
  readonly sums: Map<string, bigint>
  /** By address key, how many transactions it has sent. */
  readonly nonces: Map<string, number>
  /** Delegates that were made, and by address key the one that acts for it (EIP-7702). */
  readonly made: Set<string>
  readonly delegates: Map<string, string>
}

/** What was there before the first block. */
export interface Endowment {
  readonly txid: string
  readonly output: SimOutput
}

/** Every branch's state, reckoned from the blocks alone. Whoever sends is one of our wallets; of others nothing is known. */
export class Branches {
  readonly endowments: Endowment[] = []
  readonly #isEvm: boolean
  readonly #native: string
  #states = new WeakMap<SimBlock, BranchState>()

  constructor(isEvm: boolean, native: string) {
    this.#isEvm = isEvm
    this.#native = native
  }

  endow(endowment: Endowment): void {
    this.endowments.push(endowment)
    this.#states = new WeakMap()
  }

  stateOf(block: SimBlock): BranchState {
    const known = this.#states.get(block)
    if (known) return known
    const state = block.parent ? copyOf(this.stateOf(block.parent)) : this.#beginning()
    for (const transaction of block.transactions)
      this.apply(state, transaction, {
        height: block.ref.height,
        hasFailed: block.failed.has(transaction.txid),
        fee: block.fees.get(transaction.txid) ?? 0n,
      })
    this.#states.set(block, state)
    return state
  }

  /** Of what waits in one block with what it needs. */
  scratch(block: SimBlock): BranchState {
    return copyOf(this.stateOf(block))
  }

  apply(state: BranchState, { txid, spends, outputs, own }: SimTransaction, at: Applied): void {
    for (const coin of spends) state.coins.delete(coin)
    if (!at.hasFailed)
      for (const { index, key, asset, units } of outputs) {
        if (this.#isEvm) add(state.sums, `${toHex(key)} ${asset}`, units)
        else state.coins.set(`${txid}:${index}`, { key: toHex(key), units, height: at.height })
        if (own?.from) add(state.sums, `${own.from} ${asset}`, -units)
      }
    if (!own?.from) return
    state.nonces.set(own.from, own.nonce + 1)
    add(state.sums, `${own.from} ${this.#native}`, -at.fee)
    if (own.call) carryOut(state, own.from, own.call, at.hasFailed)
  }

  /** Whether a transaction could be in the next block: its coins are there, or its number is the next. */
  isReady(state: BranchState, { spends, outputs, own }: SimTransaction): boolean {
    if (!own || own.from === null) return spends.every((coin) => isForeign(coin) || state.coins.has(coin))
    const value = outputs.reduce((sum, { asset, units }) => (asset === this.#native ? sum + units : sum), 0n)
    const has = state.sums.get(`${own.from} ${this.#native}`) ?? 0n
    return (state.nonces.get(own.from) ?? 0) === own.nonce && has >= value + own.fee
  }

  /** A token's contract refuses what the payer does not have, and nothing is made twice. */
  isBroke(state: BranchState, { outputs, own }: SimTransaction): boolean {
    if (own?.call?.flush === null && state.made.has(own.call.delegate)) return true
    return Boolean(own?.from) && outputs.some(({ asset, units }) => (state.sums.get(`${own?.from} ${asset}`) ?? 0n) < units)
  }

  #beginning(): BranchState {
    const state: BranchState = { coins: new Map(), sums: new Map(), nonces: new Map(), made: new Set(), delegates: new Map() }
    for (const { txid, output } of this.endowments)
      this.apply(state, { txid, spends: [], outputs: [output], bornAtMs: 0 }, { height: 0, hasFailed: false, fee: 0n })
    return state
  }
}

interface Applied {
  readonly height: number
  readonly hasFailed: boolean
  readonly fee: bigint
}

function copyOf({ coins, sums, nonces, made, delegates }: BranchState): BranchState {
  return {
    coins: new Map(coins),
    sums: new Map(sums),
    nonces: new Map(nonces),
    made: new Set(made),
    delegates: new Map(delegates),
  }
}

/** Who delegates has delegated, whatever becomes of the call; a call of code that is not there moves nothing. */
function carryOut(state: BranchState, from: string, { delegate, authorizations, flush }: OwnCall, hasFailed: boolean): void {
  for (const { authority, nonce } of authorizations) {
    if ((state.nonces.get(authority) ?? 0) !== nonce) continue
    state.nonces.set(authority, nonce + 1)
    state.delegates.set(authority, delegate)
  }
  if (hasFailed) return
  if (flush === null) return void state.made.add(delegate)
  if (!state.made.has(delegate)) return
  for (const account of flush.accounts) {
    if (state.delegates.get(account) !== delegate) continue
    const units = state.sums.get(`${account} ${flush.asset}`) ?? 0n
    add(state.sums, `${account} ${flush.asset}`, -units)
    add(state.sums, `${from} ${flush.asset}`, units)
  }
}

function add(sums: Map<string, bigint>, key: string, units: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + units)
}
