// An authenticator app, by a library that shares no code with the project (RFC 6238).
import { randomInt } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';

const PERIOD = 30_000;

export class Authenticator {
  #totp;
  #last = -1;

  /** `after` is another authenticator of the same user, whose used time steps count for this one too. */
  constructor(base32, after) {
    this.#totp = new TOTP({ secret: Secret.fromBase32(base32) });
    if (after !== undefined) this.follow(after);
  }

  /** Excludes codes of time steps that the other authenticator has used. */
  follow(other) {
    this.#last = Math.max(this.#last, other.#last);
  }

  /**
   * Returns a code that was not used before. A time step works once, and one step of clock drift is
   * accepted. So the second code is that of the next step, and the test does not wait.
   */
  next() {
    const current = Math.floor(Date.now() / PERIOD);
    const step = Math.max(current, this.#last + 1);
    if (step > current + 1) throw new Error('both codes that are accepted now were used');
    this.#last = step;
    return this.#at(step);
  }

  /** Returns a code that was not used before. Waits if both currently accepted codes were used. */
  async unused() {
    const step = Math.max(Math.floor(Date.now() / PERIOD), this.#last + 1);
    // A code of the next time step is already accepted.
    await setTimeout(Math.max(0, (step - 1) * PERIOD - Date.now() + 100));
    return this.next();
  }

  /** Returns the code of the time step before, as a slow clock gives it. `next()` has two more after it.
   * Near the end of a time step the code would come too late, so the function waits for the next step. */
  async late() {
    const left = PERIOD - (Date.now() % PERIOD);
    if (left < 3_000) await setTimeout(left);
    this.#last = Math.floor(Date.now() / PERIOD) - 1;
    return this.#at(this.#last);
  }

  /** Returns a well-formed code that no time step near now has. */
  wrong() {
    const current = Math.floor(Date.now() / PERIOD);
    const near = [-2, -1, 0, 1, 2, 3].map((offset) => this.#at(current + offset));
    for (;;) {
      const code = String(randomInt(1_000_000)).padStart(6, '0');
      if (!near.includes(code)) return code;
    }
  }

  #at(step) {
    return this.#totp.generate({ timestamp: step * PERIOD });
  }
}
