/** Why a device is not tried, for the page as a whole: a circuit breaker for each device. */
export interface DeviceBreaker {
  /** Why a device is not to be tried now, as a clause; undefined where it may be. */
  refusal(device: string): string | undefined;
  /** Leaves a device alone for so many milliseconds. */
  trip(device: string, reason: string, coolDownMs: number): void;
  /** Whether a device is tried again after it was left alone: the next loss is one too many. */
  isOnTrial(device: string): boolean;
}

interface Trip {
  readonly reason: string;
  /** Until when the device is left alone, and until when it is on trial afterwards. */
  readonly until: number;
  readonly trialUntil: number;
}

/** Makes a breaker that lets all devices be tried. */
export function createDeviceBreaker(clock: { now(): number }): DeviceBreaker {
  const trips = new Map<string, Trip>();
  return {
    refusal(device) {
      const trip = trips.get(device);
      if (trip === undefined) return undefined;
      const leftMs = trip.until - clock.now();
      return leftMs > 0 ? `${trip.reason}; it is tried again in ${Math.ceil(leftMs / 1000)} s` : undefined;
    },
    trip(device, reason, coolDownMs) {
      const until = clock.now() + coolDownMs;
      trips.set(device, { reason, until, trialUntil: until + coolDownMs });
    },
    isOnTrial: (device) => clock.now() < (trips.get(device)?.trialUntil ?? Number.NEGATIVE_INFINITY),
  };
}
