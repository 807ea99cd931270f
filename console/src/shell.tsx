/** What surrounds every page: navigation, who is signed in, whether the page is live. */
import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { Button as AriaButton, Menu, MenuItem, MenuTrigger, Popover, Separator } from 'react-aria-components';
import type { Me } from './lib/api.ts';
import { useConfig } from './lib/config.ts';
import { companyZone, viewerZone, zoneDiffers } from './lib/format.ts';
import { useLive, useLiveStatus } from './lib/live.ts';
import { type Ability, can, useMe } from './lib/me.ts';
import { setSession, useSession } from './lib/session.ts';
import { applyTheme, readTheme } from './lib/theme.ts';
import { ROLES } from './lib/words.ts';
import { SignIn } from './pages/signIn.tsx';
import { Icon, type IconName, Logo } from './ui/icons.tsx';
import { Announcer, Dialog, Loaded } from './ui/kit.tsx';

const RoleSwitch = lazy(() => import('./pages/roleSwitch.tsx').then((module) => ({ default: module.RoleSwitch })));

const NAVIGATION: { to: string; text: string; icon: IconName; needs: Ability }[] = [
  { to: '/day', text: 'My day', icon: 'day', needs: 'record visits' },
  { to: '/calls', text: 'Calls', icon: 'phone', needs: 'read calls' },
  { to: '/follow-ups', text: 'Follow-ups', icon: 'queue', needs: 'see follow-ups' },
  { to: '/appointments', text: 'Appointments', icon: 'calendar', needs: 'read calls' },
  { to: '/overview', text: 'Overview', icon: 'chart', needs: 'read calls' },
  { to: '/scorecards', text: 'Scorecards', icon: 'score', needs: 'see companies' },
  { to: '/operations', text: 'Operations', icon: 'tools', needs: 'see operations' },
];

export function Shell() {
  const session = useSession();
  if (!session) return <SignIn />;
  return <SignedIn />;
}

function SignedIn() {
  const session = useSession();
  const me = useMe();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const token = session?.token;

  // Another token may be another person's: only what was loaded with the same identity stays.
  const identity = me.data && `${me.data.company_id} ${me.data.user_id} ${me.data.role}`;
  const previous = useRef<{ token?: string; identity?: string }>({});
  useEffect(() => {
    const before = previous.current;
    if (before.token && before.token !== token) void queries.invalidateQueries({ queryKey: ['me'] });
    if (before.identity && identity && before.identity !== identity) {
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' && queryKey[0] !== 'config' });
      void navigate({ to: '/', replace: true });
    } else if (before.token && before.token !== token) void queries.invalidateQueries();
    previous.current = { token, identity: identity ?? before.identity };
  }, [token, identity, queries, navigate]);

  useLive(session?.expired ? undefined : token, me.data !== undefined && me.data.role !== 'admin');
  return (
    <>
      {me.data ? (
        <Frame me={me.data} />
      ) : (
        <main className="boot">
          <Loaded query={me} skeleton={<Boot />}>
            {() => null}
          </Loaded>
        </main>
      )}
      <Dialog title="Sign in again" isOpen={session?.expired ?? false} wide>
        <p>Your sign-in has ended. The page stays as it is, with everything that you typed.</p>
        <SignIn inDialog />
      </Dialog>
      <Announcer />
    </>
  );
}

const Boot = () => (
  <div className="boot-mark" role="status">
    <Logo />
    <span className="visually-hidden">Loading</span>
  </div>
);

function Frame({ me }: { me: Me }) {
  const items = NAVIGATION.filter(({ needs, to }) => can(me.role, needs) && !(to === '/scorecards' && !me.company_id));
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // A screen reader starts at the new page, not in the navigation that was pressed.
  useEffect(() => {
    if (!first.current && path) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path]);
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top no-print">
        <Link to="/" className="brand" title="Start page">
          <Logo />
          <span className="brand-name">{me.company?.name ?? 'callwright'}</span>
        </Link>
        <ZoneNote />
        <LiveMark />
        <Account me={me} />
      </header>
      <nav className="side no-print" aria-label="Pages">
        {items.map(({ to, text, icon }) => (
          <Link key={to} to={to} activeOptions={{ includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
            <Icon name={icon} />
            <span>{text}</span>
          </Link>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        <Suspense>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

function ZoneNote() {
  if (!zoneDiffers()) return null;
  return (
    <span className="zone" title={`Your device is in ${viewerZone}. Days and times here are those of the company.`}>
      Times in {companyZone().replaceAll('_', ' ')}
    </span>
  );
}

const LIVE = {
  connecting: { text: 'Connecting', title: 'The stream of changes is being opened.' },
  live: { text: 'Live', title: 'Changes appear by themselves.' },
  reconnecting: {
    text: 'Reconnecting',
    title: 'The connection was lost. What you see may be out of date until it is back.',
  },
  off: { text: 'Every 15 s', title: 'There is no stream for this role: the page asks again every 15 seconds.' },
} as const;

function LiveMark() {
  const status = useLiveStatus();
  const { text, title } = LIVE[status];
  return (
    <span className={`feed ${status}`} role="status" title={title}>
      <span className="dot" aria-hidden />
      {text}
    </span>
  );
}

function Account({ me }: { me: Me }) {
  const session = useSession();
  const config = useConfig();
  const [switching, setSwitching] = useState(false);
  const [theme, setTheme] = useState(readTheme);
  const choose = (next: typeof theme) => {
    applyTheme(next);
    setTheme(next);
  };
  return (
    <>
      <MenuTrigger>
        <AriaButton className="account">
          <Icon name="user" />
          <span className="account-text">
            <span>{me.name ?? me.user_id}</span>
            <small>
              {ROLES[me.role]}
              {config.data?.local && session?.kind !== 'oidc' && ' · local mode'}
            </small>
          </span>
        </AriaButton>
        <Popover className="popover" placement="bottom end">
          <Menu className="menu" aria-label="Account">
            {config.data?.local ? (
              <MenuItem onAction={() => setSwitching(true)}>Switch role (local mode)</MenuItem>
            ) : null}
            <MenuItem href="/docs" target="_blank">
              API documentation
            </MenuItem>
            <Separator />
            <MenuItem onAction={() => choose('system')}>{theme === 'system' ? '✓ ' : ''}Colours of the device</MenuItem>
            <MenuItem onAction={() => choose('light')}>{theme === 'light' ? '✓ ' : ''}Light</MenuItem>
            <MenuItem onAction={() => choose('dark')}>{theme === 'dark' ? '✓ ' : ''}Dark</MenuItem>
            <Separator />
            <MenuItem onAction={() => setSession(null)}>Sign out</MenuItem>
          </Menu>
        </Popover>
      </MenuTrigger>
      <Dialog title="Switch role" isOpen={switching} onClose={() => setSwitching(false)}>
        <Suspense>
          <RoleSwitch onDone={() => setSwitching(false)} />
        </Suspense>
      </Dialog>
    </>
  );
}
