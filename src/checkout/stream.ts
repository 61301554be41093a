/**
 * A page in UTF-8 whose `head` goes out at once. `drawRest` is called when that is on its way, and not at all for a
 * HEAD request or a reader who has gone.
 */
export function streamPage(head: string, drawRest: () => string): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let isHeadOut = false
  let isGone = false
  return new ReadableStream(
    {
      async pull(controller) {
        if (!isHeadOut) {
          isHeadOut = true
          controller.enqueue(encoder.encode(head))
          return
        }
        // A turn of the event loop, in which the runtime writes the head to the socket; a microtask is not enough.
        await new Promise((resolve) => setTimeout(resolve, 0))
        if (isGone) return
        controller.enqueue(encoder.encode(drawRest()))
        controller.close()
      },
      cancel() {
        isGone = true
      },
    },
    { highWaterMark: 0 },
  )
}
