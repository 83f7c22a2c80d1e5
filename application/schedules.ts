// What Temporal does for us again and again, whoever is awake. The worker arranges it, also where somebody
// has taken it away.

/** When few people work; each installation a little apart, by its task queue. */
const NIGHT = { hour: 2, minute: 30 } as const;

/** A Temporal Schedule as the client's library takes it. */
export type Arranged = ReturnType<typeof schedulesOf>[number];

/** The examination of the log every night, and the sweep of the gates every minute. */
export function schedulesOf(taskQueue: string) {
  const action = (what: string, workflowType: string) => ({
    type: 'startWorkflow' as const,
    workflowId: nameOf(what),
    workflowType,
    taskQueue,
  });
  const nameOf = (what: string): string => `countersign-${what}-${taskQueue}`;
  return [
    {
      scheduleId: nameOf('self-check'),
      spec: { calendars: [NIGHT], jitter: '30m' as const, timezone: 'UTC' },
      action: action('self-check', 'selfCheck'),
      policies: { overlap: 'SKIP' as const, catchupWindow: '1 day' as const },
    },
    {
      scheduleId: nameOf('sweep'),
      spec: { intervals: [{ every: '1m' as const }] },
      // One that nobody works on must not keep the next from starting.
      action: { ...action('sweep', 'sweep'), workflowExecutionTimeout: '10m' as const },
      policies: { overlap: 'SKIP' as const, catchupWindow: '10s' as const },
    },
  ];
}
