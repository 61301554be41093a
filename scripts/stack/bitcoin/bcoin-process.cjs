/**
 * A validating Bitcoin regtest node in a process of its own: bcoin from npm, for machines without `bitcoind`.
 *
 *   node bcoin-process.cjs <state folder> <rpc port>      password in PAYTOMAT_RPC_PASSWORD, parent on IPC
 *
 * bcoin keeps its chain in memory; `<state folder>/bcoin.sqlite` holds every block and waiting transaction, written
 * before a call is answered and validated again at the start, so the chain survives any end of this process.
 * It ends with its parent. JSON-RPC is bcoin's own; where it differs from Bitcoin Core in what we use, `bcoin-rpc.cjs`
 * puts Core's behaviour in its place.
 */
process.env.NODE_BACKEND = 'js'

const { join } = require('node:path')
const { DatabaseSync } = require('node:sqlite')
const bcoin = require('bcoin')
const { addCoreRpc, readdTransactions, setAside, takeBack } = require('./bcoin-rpc.cjs')

const [stateDir, port] = process.argv.slice(2)
const password = process.env.PAYTOMAT_RPC_PASSWORD
if (!stateDir || !port || !password) throw new Error('usage: bcoin-process.cjs <state folder> <rpc port>')

// As every other Bitcoin software calls regtest addresses; bcoin 1.0.2 still says `rb`.
bcoin.Network.get('regtest').addressPrefix.bech32 = 'bcrt'

let stopping = false
let database
process.on('disconnect', () => stop('its parent has ended'))
process.on('SIGTERM', () => stop('SIGTERM'))
process.on('SIGINT', () => stop('SIGINT'))
start().catch((error) => {
  console.error(`bcoin cannot start: ${error.stack}`)
  process.exit(1)
})

async function start() {
  database = openDatabase(join(stateDir, 'bcoin.sqlite'))
  const node = new bcoin.FullNode({
    network: 'regtest',
    memory: true,
    apiKey: password,
    httpHost: '127.0.0.1',
    httpPort: Number(port),
    listen: false,
    bip37: false,
    indexAddress: true,
    requireStandard: false,
    limitFree: false,
    rejectAbsurdFees: false,
    workers: false,
    logLevel: 'error',
    logConsole: true,
  })
  node.on('error', (error) => console.error(`bcoin: ${error.message}`))
  // Node.js closes idle connections after 5 s; a busy client that is just using one again would see its call fail.
  node.http.http.keepAliveTimeout = 600_000
  // The chain is replayed before anybody can ask: the HTTP server opens last.
  const openHttp = node.http.open
  node.http.open = async function open() {
    await replay(node)
    record(node)
    return openHttp.call(this)
  }
  addCoreRpc(node, {
    recordInvalid: (hash) => append('invalidate', Buffer.from(hash, 'hex')),
    recordValid: (hash) => append('reconsider', Buffer.from(hash, 'hex')),
  })
  await node.open()
}

function stop(why) {
  if (stopping) return
  stopping = true
  console.log(`bcoin ends: ${why}`)
  // All is on disk already; closing only spares the next start a recovery of the write-ahead log.
  database?.close()
  process.exit(0)
}

function openDatabase(path) {
  const db = new DatabaseSync(path)
  try {
    // One node a folder. NORMAL loses nothing when a process is killed, only when the machine is.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    db.exec('CREATE TABLE IF NOT EXISTS chain_log (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL)')
    db.exec('CREATE TABLE IF NOT EXISTS mempool (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, data BLOB NOT NULL)')
  } catch (error) {
    throw new Error(`${path} cannot be opened (another node on this folder?): ${error.message}`)
  }
  return db
}

function append(kind, data) {
  database.prepare('INSERT INTO chain_log (kind, data) VALUES (?, ?)').run(kind, data)
}

/** Does again what is written, in its order, with full validation. */
async function replay(node) {
  const { chain } = node
  for (const { kind, data } of database.prepare('SELECT kind, data FROM chain_log ORDER BY seq').iterate()) {
    const buffer = Buffer.from(data)
    if (kind === 'block') {
      const block = bcoin.Block.fromRaw(buffer)
      // A block that came back by a reorganisation is written twice.
      if (!(await chain.hasEntry(block.hash('hex')))) await chain.add(block)
    } else if (kind === 'invalidate') await setAside(node, buffer.toString('hex'))
    else await takeBack(node, buffer.toString('hex'))
  }
  const waiting = database.prepare('SELECT data FROM mempool ORDER BY seq').all()
  await readdTransactions(
    node,
    waiting.map(({ data }) => bcoin.TX.fromRaw(Buffer.from(data))),
  )
  const kept = new Set(node.mempool.getSnapshot())
  for (const { hash } of database.prepare('SELECT hash FROM mempool').all()) if (!kept.has(hash)) forget(hash)
}

/** Writes down from now on what the node takes in, inside the events, so before anybody is told of it. */
function record(node) {
  node.chain.on('connect', (_entry, block) => append('block', block.toRaw()))
  node.mempool.on('add entry', ({ tx }) => {
    database.prepare('INSERT OR REPLACE INTO mempool (hash, data) VALUES (?, ?)').run(tx.hash('hex'), tx.toRaw())
  })
  node.mempool.on('remove entry', ({ tx }) => forget(tx.hash('hex')))
}

function forget(hash) {
  database.prepare('DELETE FROM mempool WHERE hash = ?').run(hash)
}
