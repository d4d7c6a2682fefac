/** How a server is left. */
export interface CloseOptions {
  /**
   * Whether others go on serving the port, as the processes of a cluster do for one of them: nothing new is accepted from now on,
   * so that it goes to them, and readiness stays, which is theirs too. @default false
   */
  readonly handsOver?: boolean;
}
