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
