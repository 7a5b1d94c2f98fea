/** One side of the proxy, inbound or outbound: its listeners and everything that passes through them. */
export interface ProxySide {
  /** Binds the listening sockets. Connections wait until `start`. @throws MeshError `LISTEN_FAILED` */
  bind(): Promise<void>;
  /** Begins to take connections: called when the first certificate is there. */
  start(): void;
  /** Takes no more connections, lets the current exchanges finish, cuts what is left at the deadline. */
  drain(deadline: AbortSignal): Promise<void>;
  /** Cuts everything at once. */
  close(): void;
}
