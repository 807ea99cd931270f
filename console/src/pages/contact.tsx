/** A contact with everything that hangs on it. */
import { useParams } from '@tanstack/react-router';
import { callerName, phone } from '../lib/format.ts';
import { AppointmentList } from '../parts/booking.tsx';
import { HistoryList, useContact } from '../parts/history.tsx';
import { LeadCard } from '../parts/lead.tsx';
import { Icon } from '../ui/icons.tsx';
import { Card, Empty, Loaded, Page } from '../ui/kit.tsx';

export function ContactPage() {
  const { id } = useParams({ from: '/contacts/$id' });
  const contact = useContact(id);
  return (
    <Loaded
      query={contact}
      missing={
        <Page title="This contact is not here">
          <Empty title="It was deleted, or is not yours to see" />
        </Page>
      }
    >
      {(data) => (
        <Page
          title={callerName(data)}
          lead={data.name ? phone(data.phone_number) : undefined}
          actions={
            data.phone_number && (
              <a className="button primary" href={`tel:${data.phone_number}`}>
                <Icon name="phone" /> Call
              </a>
            )
          }
        >
          <div className="split">
            <HistoryList contactId={id} />
            <div className="stack">
              {data.leads.map((lead) => (
                <LeadCard key={lead.id} leadId={lead.id} />
              ))}
              <Card title="Appointments">
                <AppointmentList filter={{ contact_id: id }} empty="None yet." />
              </Card>
            </div>
          </div>
        </Page>
      )}
    </Loaded>
  );
}
