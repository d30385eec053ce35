// Shows what the hub has to say while its dashboard is not looked at (core/observe/push.cpp makes the text).

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
    let notice = {};
    try {
        notice = event.data.json();
    } catch {
        // A message that cannot be read is still a sign that something happened.
    }
    const options = { body: notice.body ?? '', icon: notice.icon ?? '/favicon.ico', data: notice.data ?? {} };
    // A newer notice about the same thing takes the place of the older one, and is heard all the same.
    if (notice.tag) Object.assign(options, { tag: notice.tag, renotify: true });
    event.waitUntil(self.registration.showNotification(notice.title ?? 'AgentCom', options));
});

self.addEventListener('notificationclick', (event) => {
    event.notification.close();
    const show = async () => {
        const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
        const open = windows.find((each) => new URL(each.url).pathname.startsWith('/dashboard'));
        return open ? open.focus() : self.clients.openWindow('/dashboard');
    };
    event.waitUntil(show());
});
