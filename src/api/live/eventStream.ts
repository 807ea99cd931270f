/** One client's event stream, as text/event-stream has it. Its buffer is bounded: who reads too slowly is let go. */

/** What may wait for a client to read. Beyond it, reading on later from where it was is cheaper for both. */
const BUFFER_BYTES = 1024 * 1024;
/** How long a client waits before it comes back. */
const RETRY_MS = 2000;

export interface EventStream {
  body: ReadableStream<Uint8Array>;
  send(event: { event: string; id: string; data: unknown }): void;
  /** Keeps the connection, and the client's place in the feed, alive. */
  heartbeat(id: string): void;
  /** Ends it in order, after what was sent, and says why. */
  end(reason: 'token_expired' | 'shutting_down'): void;
}

/** @param onClose runs once, whoever closes the stream */
export function createEventStream(onClose: () => void): EventStream {
  const encoder = new TextEncoder();
  let isOpen = true;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const close = () => {
    if (!isOpen) return false;
    isOpen = false;
    onClose();
    return true;
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      cancel() {
        close();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  );
  const write = (text: string) => {
    if (!isOpen) return;
    controller.enqueue(encoder.encode(text));
    // An error drops what waits, and with it the connection.
    if ((controller.desiredSize ?? 0) <= 0 && close()) controller.error(new Error('the client reads too slowly'));
  };
  write(`retry: ${RETRY_MS}\n\n`);
  return {
    body,
    send: ({ event, id, data }) => write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`),
    heartbeat: (id) => write(`: still here\nid: ${id}\n\n`),
    end(reason) {
      write(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
      if (close()) controller.close();
    },
  };
}
