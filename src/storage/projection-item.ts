/** A message of the `projections` queue, one kind of it. */
export type ProjectionItem<M> = MessageBatch<M>['messages'][number]

const RETRY_SECONDS_MAX = 300

/** Later each time. */
export function retryLater(message: ProjectionItem<unknown>): void {
  message.retry({ delaySeconds: Math.min(2 ** Math.min(message.attempts, 10), RETRY_SECONDS_MAX) })
}
