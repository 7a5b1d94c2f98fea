/** The terminal as a dependency: data on stdout, talk on stderr. */
export interface Console {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: InputStream;
}

export interface OutputStream {
  /** Writes text as it is. A closed pipe (EPIPE) is success and ends quietly. */
  write(text: string): void;
  readonly isTty: boolean;
  /** Columns of the terminal; 80 when it is none. */
  readonly columns: number;
  /** Whether colours may be used: a TTY, no `NO_COLOR`, not `TERM=dumb`; `FORCE_COLOR` overrides. */
  readonly hasColors: boolean;
  /** The Node stream, for ink alone. */
  readonly stream: NodeJS.WriteStream;
}

export interface InputStream {
  readonly isTty: boolean;
  /** All of standard input, as bytes. */
  readAll(): Promise<Buffer>;
  readonly stream: NodeJS.ReadStream;
}
