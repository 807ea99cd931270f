/** Three ways in: the identity provider, a pasted token, and in local mode a choice of roles. */
import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useConfig } from '../lib/config.ts';
import { setSession } from '../lib/session.ts';
import { Logo } from '../ui/icons.tsx';
import { Button, FormProblem, Loaded, TextArea } from '../ui/kit.tsx';

const RoleSwitch = lazy(() => import('./roleSwitch.tsx').then((module) => ({ default: module.RoleSwitch })));

export function SignIn({ inDialog = false }: { inDialog?: boolean }) {
  const config = useConfig();
  const content = (
    <Loaded query={config}>
      {({ local, oidc }) => (
        <>
          {oidc && <WithProvider settings={oidc} />}
          {local && (
            <section className="way">
              <h2>Choose who you are</h2>
              <p className="muted">
                This service runs in <strong>local mode</strong>, so anybody on this machine may be anybody. There is no
                such choice in production.
              </p>
              <Suspense>
                <RoleSwitch />
              </Suspense>
            </section>
          )}
          <PasteToken isOnlyWay={!oidc && !local} />
        </>
      )}
    </Loaded>
  );
  useEffect(() => {
    if (!inDialog) document.title = 'Sign in · callwright';
  }, [inDialog]);
  if (inDialog) return content;
  return (
    <main className="sign-in">
      <div className="sign-in-box">
        <Logo />
        <h1>Sign in to callwright</h1>
        {content}
      </div>
    </main>
  );
}

function WithProvider({ settings }: { settings: Parameters<typeof import('../lib/oidc.ts').startSignIn>[0] }) {
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const queries = useQueryClient();
  const router = useRouter();
  // Back from the provider: its code is in the address.
  useEffect(() => {
    if (!new URLSearchParams(location.search).has('state')) return;
    setBusy(true);
    import('../lib/oidc.ts')
      .then(({ finishSignIn }) => finishSignIn(settings))
      .then((back) => {
        router.history.replace(back);
        return queries.invalidateQueries();
      })
      .catch(setProblem)
      .finally(() => setBusy(false));
  }, [settings, queries, router]);
  const start = async () => {
    setBusy(true);
    try {
      const { startSignIn } = await import('../lib/oidc.ts');
      await startSignIn(settings);
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <section className="way">
      {problem ? (
        <p className="notice bad" role="alert">
          {problem instanceof Error ? problem.message : 'The sign-in did not work.'}
        </p>
      ) : null}
      <Button kind="primary" busy={busy} onPress={() => void start()}>
        Sign in with {new URL(settings.issuer).hostname}
      </Button>
    </section>
  );
}

function PasteToken({ isOnlyWay }: { isOnlyWay: boolean }) {
  const [text, setText] = useState('');
  const token = text.trim().replace(/^Bearer\s+/i, '');
  const isToken = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
  const form = (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isToken) setSession({ token, kind: 'pasted' });
      }}
    >
      <TextArea
        label="Access token"
        hint={
          <>
            Whoever runs the service prints one with <code>npm run token</code>. It stays in this tab only.
          </>
        }
        value={text}
        onChange={setText}
        autoComplete="off"
        spellCheck={false}
        rows={4}
      />
      {token && !isToken ? <FormProblem problem={new Error()} /> : null}
      <Button type="submit" kind={isOnlyWay ? 'primary' : 'plain'} isDisabled={!isToken}>
        Sign in with the token
      </Button>
    </form>
  );
  if (isOnlyWay) return form;
  return (
    <details className="way">
      <summary>Use an access token</summary>
      {form}
    </details>
  );
}
