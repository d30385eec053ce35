// A small seeded generator (mulberry32), so that a random test is repeated by its seed alone.

/** The seed of this run: `SEED` from the environment, or a fresh one. Print it with the test's result. */
export function run_seed() {
  const given = process.env.SEED;
  return given ? Number(given) >>> 0 : (Date.now() ^ (process.pid << 16)) >>> 0;
}

export class Prng {
  constructor(seed) {
    this.state_ = seed >>> 0;
  }

  /** A number in [0, 1). */
  next() {
    this.state_ = (this.state_ + 0x6d2b79f5) >>> 0;
    let t = this.state_;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer in [low, high], both included. */
  between(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  bytes(length) {
    const out = Buffer.alloc(length);
    for (let i = 0; i < length; ++i) out[i] = this.between(0, 255);
    return out;
  }

  /** A generator of its own for one actor, so that actors do not disturb each other's sequence. */
  fork() {
    return new Prng(this.between(0, 0xffffffff));
  }
}
