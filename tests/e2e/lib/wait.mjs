// Waiting with a deadline. Nothing in these tests sleeps to wait for something: a test waits for an event, and where
// the state it waits for sends no event (a process, a file, an HTTP resource) it asks again until a deadline.

export const kDeadlineMs = Number(process.env.E2E_DEADLINE_MS ?? 10_000);

/** Settles as `promise` does, or fails after `ms` with a text that says what was waited for. */
export function within(promise, what, ms = kDeadlineMs) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const detail = typeof what === 'function' ? what() : what;
      reject(new Error(`no ${detail} within ${ms} ms`));
    }, ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

/** Asks `probe` until it returns something true, and returns that. Errors of `probe` count as "not yet". */
export async function until(probe, what, ms = kDeadlineMs, every_ms = 20) {
  const end = performance.now() + ms;
  let last_error;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last_error = undefined;
    } catch (error) {
      last_error = error;
    }
    if (performance.now() >= end) {
      throw new Error(`no ${what} within ${ms} ms${last_error ? `: ${last_error.message}` : ''}`);
    }
    await new Promise((resolve) => setTimeout(resolve, every_ms));
  }
}

/** A promise with its handles outside. */
export function deferred() {
  const out = {};
  out.promise = new Promise((resolve, reject) => {
    out.resolve = resolve;
    out.reject = reject;
  });
  return out;
}
