/** Temporal was out of reach or slow. Nothing is lost: commands and gates are rows. */
export class EngineUnavailable extends Error {
  constructor(cause: unknown) {
    super('Temporal did not answer in time', { cause });
    this.name = 'EngineUnavailable';
  }
}
