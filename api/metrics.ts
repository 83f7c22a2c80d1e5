import type { Request, Response, NextFunction } from 'express';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LogHealth } from '../application/log-health.ts';

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Middleware that counts calls and how long they took, by route and status. */
  observe(request: Request, response: Response, next: NextFunction): void;
}

/**
 * Process figures, one histogram of calls, and how the log is doing. Routes are counted by pattern, never
 * by address.
 */
export function createMetrics(log: Pick<LogHealth, 'lag'>): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Calls by method, route pattern and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [registry],
  });
  observeLog(registry, log);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe(request, response, next) {
      const end = duration.startTimer();
      response.once('finish', () => {
        const route = (request.route as { path?: string } | undefined)?.path ?? 'none';
        end({ method: request.method, route, status: response.statusCode });
      });
      next();
    },
  };
}

/** As readiness saw it last: asking for metrics asks the database nothing. */
function observeLog(registry: Registry, log: Pick<LogHealth, 'lag'>): void {
  const gauges = [
    { name: 'log_records', help: 'Records with a place in the log', of: 'size' },
    { name: 'log_published_records', help: 'Records under a signed checkpoint', of: 'published' },
    { name: 'log_waiting_records', help: 'Records that wait for their place', of: 'waiting' },
  ] as const;
  for (const { name, help, of } of gauges)
    new Gauge({
      name: `countersign_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(log.lag()?.[of] ?? 0);
      },
    });
}
