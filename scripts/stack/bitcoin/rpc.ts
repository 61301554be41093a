/** How a regtest node is reached. `.paytomat/dev.json` holds this under `bitcoin`. */
export interface NodeAccess {
  readonly rpcUrl: string
  readonly user: string
  readonly password: string
}
