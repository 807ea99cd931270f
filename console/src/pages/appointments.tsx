export const AppointmentsPage = () => null;
