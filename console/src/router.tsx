/** Every address of the console. Pages that not everybody opens are loaded when they are. */
import { createRootRoute, createRoute, createRouter, Link, lazyRouteComponent, Navigate } from '@tanstack/react-router';
import { useKnownMe } from './lib/me.ts';
import { only, parseSearch, stringifySearch } from './lib/search.ts';
import { CallsPage } from './pages/calls.tsx';
import { Shell } from './shell.tsx';
import { Page, ProblemNote } from './ui/kit.tsx';

export const CALL_FILTERS = [
  'day',
  'date_from',
  'date_to',
  'q',
  'status',
  'stage',
  'qualification',
  'booking_status',
  'analyzed',
  'qualified',
  'handled_by',
  'objection',
  'direction',
  'spam',
  'phone_number',
] as const;

export const APPOINTMENT_FILTERS = [
  'date_from',
  'date_to',
  'status',
  'outcome',
  'assigned_rep_id',
  'unscheduled',
  'review',
  'counted',
] as const;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: ({ error, reset }) => <ProblemNote problem={error} onRetry={reset} />,
});

const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });
const calls = createRoute({
  getParentRoute: () => root,
  path: '/calls',
  validateSearch: only(CALL_FILTERS),
  component: CallsPage,
});
const call = createRoute({
  getParentRoute: () => root,
  path: '/calls/$id',
  component: lazyRouteComponent(() => import('./pages/call.tsx'), 'CallPage'),
});
const followUps = createRoute({
  getParentRoute: () => root,
  path: '/follow-ups',
  validateSearch: only(['status', 'overdue', 'reason', 'assigned_to']),
  component: lazyRouteComponent(() => import('./pages/followUps.tsx'), 'FollowUpsPage'),
});
const day = createRoute({
  getParentRoute: () => root,
  path: '/day',
  component: lazyRouteComponent(() => import('./pages/day.tsx'), 'DayPage'),
});
const appointments = createRoute({
  getParentRoute: () => root,
  path: '/appointments',
  validateSearch: only(APPOINTMENT_FILTERS),
  component: lazyRouteComponent(() => import('./pages/appointments.tsx'), 'AppointmentsPage'),
});
const appointment = createRoute({
  getParentRoute: () => root,
  path: '/appointments/$id',
  component: lazyRouteComponent(() => import('./pages/appointment.tsx'), 'AppointmentPage'),
});
const contact = createRoute({
  getParentRoute: () => root,
  path: '/contacts/$id',
  component: lazyRouteComponent(() => import('./pages/contact.tsx'), 'ContactPage'),
});
const overview = createRoute({
  getParentRoute: () => root,
  path: '/overview',
  validateSearch: only(['date_from', 'date_to']),
  component: lazyRouteComponent(() => import('./pages/overview.tsx'), 'OverviewPage'),
});
const operations = createRoute({
  getParentRoute: () => root,
  path: '/operations',
  component: lazyRouteComponent(() => import('./pages/operations.tsx'), 'OperationsPage'),
});
const inOperations = { getParentRoute: () => operations } as const;
const operationsHome = createRoute({
  ...inOperations,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/operations.tsx'), 'OperationsHome'),
});
const pipelines = createRoute({
  ...inOperations,
  path: 'pipelines',
  validateSearch: only(['show', 'stage', 'kind']),
  component: lazyRouteComponent(() => import('./pages/operations.tsx'), 'PipelinesPage'),
});
const webhooks = createRoute({
  ...inOperations,
  path: 'webhooks',
  validateSearch: only(['status', 'source']),
  component: lazyRouteComponent(() => import('./pages/operations.tsx'), 'WebhookEventsPage'),
});
const deliveries = createRoute({
  ...inOperations,
  path: 'deliveries',
  validateSearch: only(['status']),
  component: lazyRouteComponent(() => import('./pages/deliveries.tsx'), 'DeliveriesPage'),
});
const health = createRoute({
  ...inOperations,
  path: 'health',
  component: lazyRouteComponent(() => import('./pages/health.tsx'), 'HealthPage'),
});
const companies = createRoute({
  ...inOperations,
  path: 'companies',
  component: lazyRouteComponent(() => import('./pages/companies.tsx'), 'CompaniesPage'),
});
const company = createRoute({
  ...inOperations,
  path: 'companies/$id',
  component: lazyRouteComponent(() => import('./pages/companies.tsx'), 'CompanyPage'),
});
const scorecards = createRoute({
  getParentRoute: () => root,
  path: '/scorecards',
  component: lazyRouteComponent(() => import('./pages/scorecards.tsx'), 'ScorecardsPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    calls,
    call,
    followUps,
    day,
    appointments,
    appointment,
    contact,
    overview,
    operations.addChildren([operationsHome, pipelines, webhooks, deliveries, health, companies, company]),
    scorecards,
  ]),
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

const HOMES = {
  csr: '/calls',
  manager: '/calls',
  sales_rep: '/day',
  executive: '/overview',
  admin: '/operations/companies',
} as const;

function Home() {
  const { role } = useKnownMe();
  return <Navigate to={HOMES[role]} replace />;
}

function NotFound() {
  return (
    <Page title="Not found" lead="There is no page at this address.">
      <Link to="/">Back to the start</Link>
    </Page>
  );
}
