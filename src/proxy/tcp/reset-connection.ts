import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { carrierOf } from "../../identity/mesh-handshake.ts";

/**
 * Breaks a connection so that its peer can tell: by a reset, where a close would look like the end of what was to be said. Nothing
 * that waits is sent, and TLS says no goodbye.
 *
 * What cannot be reset is destroyed: Unix sockets, whose peers see an end, and tunnels, which reset their stream.
 */
export function resetConnection(socket: Duplex): void {
  const carrier = socket instanceof TLSSocket ? carrierOf(socket) : socket;
  // Only TCP has addresses here, and only while it is open.
  const canReset = carrier instanceof Socket && carrier.localAddress !== undefined && !isShuttingDown(socket);
  if (canReset && carrier === socket) {
    carrier.resetAndDestroy();
    return;
  }
  if (canReset) {
    // TLS goes first and destroys what carries it: the other way around Node's TLS uses memory that was freed (Node 26.10).
    carrier.destroy = () => {
      carrier.destroy = Socket.prototype.destroy;
      return carrier.resetAndDestroy();
    };
  }
  socket.destroy();
}

/**
 * Whether the last byte is out and the end is on its way. libuv refuses to reset a connection in that moment, and Node then never
 * closes it (uv_tcp_close_reset, EINVAL; Node 26.10). The peer has got all there was.
 */
function isShuttingDown({ writableEnded, writableFinished, writableLength }: Duplex): boolean {
  return writableEnded && !writableFinished && writableLength === 0;
}
