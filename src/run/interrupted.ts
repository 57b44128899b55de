/** Thrown when the user pressed Ctrl-C and everything worth keeping is on the disk. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  constructor(message = "stopped; run the same command again to go on from here") {
    super(message);
  }
}

/** @throws Interrupted once Ctrl-C was pressed */
export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted();
}
