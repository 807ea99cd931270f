export const AppointmentPage = () => null;
