import { serveNode } from '../../../scripts/stack/lightning/serve.ts'
import type { StandIn } from './stand-in.ts'

/** Puts a stand-in on loopback. */
export async function serve(node: StandIn): Promise<StandIn & { close(): Promise<void> }> {
  const { url, close } = await serveNode((asked) => node.answer(asked))
  return {
    ...node,
    endpoint: { ...node.endpoint, url },
    sendingEndpoint: (policy) => ({ ...node.sendingEndpoint(policy), url }),
    close,
  }
}
