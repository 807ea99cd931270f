export const OperationsPage = () => null;
export const OperationsHome = () => null;
export const PipelinesPage = () => null;
export const WebhookEventsPage = () => null;
