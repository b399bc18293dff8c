/** Waits for a condition that another process or a background worker brings about. */

/**
 * Asks again and again until the probe gives a value.
 * @param probe resolves to undefined while the condition does not hold.
 * @param timeoutMs longest wait in milliseconds; default 10,000.
 * @throws Error when the time is over; faults of the probe pass through.
 */
export async function until<T>(probe: () => Promise<T | undefined>, timeoutMs = 10_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`The condition did not hold within ${timeoutMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
