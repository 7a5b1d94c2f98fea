import { connect } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Whether somebody listens there now. */
export function canConnect(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Sends bytes and resolves with everything that comes back until the peer ends. */
export function talk(address: Address, text: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, noDelay: true });
    let heard = "";
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      heard += part;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(heard));
    socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  });
}
