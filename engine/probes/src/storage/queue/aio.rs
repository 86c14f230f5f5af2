//! The kernel's older asynchronous interface (`io_submit`, what libaio wraps), for where io_uring is refused. Only
//! direct I/O is asynchronous with it: through the page cache every submission would wait for its end.
#![expect(unsafe_code, reason = "the kernel reads and writes the buffers that requests name")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

use super::{Done, Kind, Queue, Request, Shape};
use crate::harness::Buffer;

/// A request as the kernel takes it (`struct iocb`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Control {
    data: u64,
    /// Two words whose order depends on the machine's; both stay zero.
    key_and_flags: [u32; 2],
    operation: u16,
    priority: i16,
    file: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_file: u32,
}

/// An end (`struct io_event`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Event {
    data: u64,
    control: u64,
    result: i64,
    second: i64,
}

/// A context with its buffers.
#[derive(Debug)]
pub(crate) struct Aio {
    context: usize,
    buffers: Buffer,
    file: u32,
    block: usize,
    controls: Vec<Control>,
    /// Put in, but not handed over.
    waiting: Vec<*mut Control>,
    events: Vec<Event>,
    under_way: usize,
}

impl Aio {
    /// A context for requests to `file`, which must stay open as long as the context.
    pub(crate) fn open(file: &File, shape: Shape) -> io::Result<Self> {
        let mut buffers = shape.map()?;
        buffers.touch();
        let mut context = 0_usize;
        // SAFETY: the context is a zero that the kernel replaces by its handle.
        if unsafe { libc::syscall(libc::SYS_io_setup, shape.depth, &raw mut context) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let depth = shape.depth as usize;
        Ok(Self {
            context,
            buffers,
            file: file.as_raw_fd() as u32,
            block: shape.block as usize,
            controls: vec![Control::default(); depth],
            waiting: Vec::with_capacity(depth),
            events: vec![Event::default(); depth],
            under_way: 0,
        })
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let mut handed = 0;
        while handed < self.waiting.len() {
            let rest = &mut self.waiting[handed..];
            // SAFETY: each pointer is to a control block of this context, which names a buffer that lives until its end.
            let taken = unsafe { libc::syscall(libc::SYS_io_submit, self.context, rest.len(), rest.as_mut_ptr()) };
            match usize::try_from(taken) {
                Ok(taken) => handed += taken,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    // Room comes when something ends.
                    error if error.raw_os_error() == Some(libc::EAGAIN) && self.under_way > self.waiting.len() => break,
                    error => return Err(error),
                },
            }
        }
        self.waiting.drain(..handed);
        Ok(())
    }
}

impl Queue for Aio {
    #[inline]
    fn push(&mut self, request: Request) -> io::Result<()> {
        const PREAD: u16 = 0;
        const PWRITE: u16 = 1;
        let operation = match request.kind {
            Kind::Read => PREAD,
            Kind::Write => PWRITE,
            Kind::Nop => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
        };
        let slot = request.slot as usize;
        // SAFETY: the buffer is one of those that were mapped.
        let buffer = unsafe { self.buffers.as_mut_ptr().add(request.buffer as usize * self.block) };
        let control = &mut self.controls[slot];
        *control = Control {
            data: u64::from(request.slot),
            operation,
            file: self.file,
            buffer: buffer as u64,
            bytes: self.block as u64,
            offset: request.offset as i64,
            ..Control::default()
        };
        self.waiting.push(ptr::from_mut(control));
        self.under_way += 1;
        Ok(())
    }

    #[inline]
    fn submit(&mut self) -> io::Result<()> {
        self.hand_over()
    }

    #[inline]
    fn turn(&mut self, wait: u32, most: u32, done: &mut Vec<Done>) -> io::Result<()> {
        self.hand_over()?;
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = if wait == 0 { &raw const at_once } else { ptr::null() };
        let got = loop {
            let room = self.events.len().min(most as usize);
            let events = self.events.as_mut_ptr();
            // SAFETY: there is room for as many events as are asked for, and the timeout lives during the call.
            let got = unsafe {
                libc::syscall(libc::SYS_io_getevents, self.context, wait as libc::c_long, room, events, timeout)
            };
            match usize::try_from(got) {
                Ok(got) => break got,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error),
                },
            }
        };
        done.extend(self.events[..got].iter().map(|end| Done { slot: end.data as u32, result: end.result }));
        self.under_way -= got;
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.under_way
    }

    fn buffers(&mut self) -> &mut Buffer {
        &mut self.buffers
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        // What was never handed over is not under way for the kernel.
        self.under_way -= self.waiting.len();
        self.waiting.clear();
        // SAFETY: the context is ours. The kernel waits for the requests that are under way.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.context) };
    }
}
