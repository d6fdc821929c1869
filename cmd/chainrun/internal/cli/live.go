package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/bubbles/spinner"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	_ "github.com/chainrun/chainrun/cmd/chainrun/internal/terminal" // before Bubble Tea
	"github.com/chainrun/chainrun/host/event"
)

// live shows the steps on a terminal: what runs with a spinner, what ended with
// its attempts, fuel and time. Steps that ended scroll away upwards when there
// are more than fit.
type live struct {
	program *tea.Program
	ended   chan struct{}
	once    sync.Once
}

func newLive(w io.Writer) *live {
	p := &live{ended: make(chan struct{})}
	// The keyboard stays the shell's, and so do signals: Ctrl-C is the run
	// command's to handle.
	p.program = tea.NewProgram(newLiveModel(w), tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler())
	go func() {
		defer close(p.ended)
		_, _ = p.program.Run()
	}()
	return p
}

func (p *live) event(e event.Event) { p.program.Send(e) }
func (p *live) past(e event.Event)  { p.event(e) }
func (p *live) line(text string)    { p.program.Println(text) }

// partial shows the last words of what a model says.
func (p *live) partial(part event.Partial) { p.program.Send(part) }

func (p *live) close() {
	p.once.Do(func() {
		p.program.Send(endOfRun{})
		<-p.ended
	})
}

// endOfRun asks for the last frame.
type endOfRun struct{}

// liveSteps is how many steps the moving part shows at most.
const liveSteps = 12

type liveModel struct {
	steps tracker
	spin  spinner.Model
	now   func() time.Time
	style liveStyle
	over  bool
}

type liveStyle struct{ done, failed, running, faint lipgloss.Style }

func newLiveModel(w io.Writer) liveModel {
	r := lipgloss.NewRenderer(w) // knows NO_COLOR and what the terminal can do
	color := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	return liveModel{
		spin:  spinner.New(spinner.WithSpinner(spinner.MiniDot)),
		now:   time.Now,
		style: liveStyle{done: color("2"), failed: color("1"), running: color("6"), faint: r.NewStyle().Faint(true)},
	}
}

// Init implements tea.Model.
func (m liveModel) Init() tea.Cmd { return m.spin.Tick }

// Update implements tea.Model.
func (m liveModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case event.Event:
		m.steps.apply(msg)
		return m, m.scroll()
	case event.Partial:
		m.steps.hear(msg)
		return m, nil
	case endOfRun:
		m.over = true
		return m, tea.Quit
	case spinner.TickMsg:
		var cmd tea.Cmd
		m.spin, cmd = m.spin.Update(msg)
		return m, cmd
	}
	return m, nil
}

// scroll moves the eldest steps that have ended out of the moving part, as
// lines that stay.
func (m *liveModel) scroll() tea.Cmd {
	var lines []tea.Cmd
	for len(m.steps.order) > liveSteps && m.steps.order[0].status != "running" {
		s := m.steps.order[0]
		m.steps.order = m.steps.order[1:]
		delete(m.steps.steps, s.step)
		lines = append(lines, tea.Println(m.row(s)))
	}
	return tea.Sequence(lines...)
}

// View implements tea.Model.
func (m liveModel) View() string {
	var b strings.Builder
	for _, s := range m.steps.order {
		b.WriteString(m.row(s) + "\n")
	}
	return b.String()
}

func (m liveModel) row(s *shown) string {
	mark, duration := m.style.faint.Render("·"), s.duration
	switch s.status {
	case "done":
		mark = m.style.done.Render("✓")
	case "failed":
		mark = m.style.failed.Render("✗")
	case "running":
		duration = m.now().Sub(s.began)
		if !m.over {
			mark = m.style.running.Render(m.spin.View())
		}
	}
	row := fmt.Sprintf("%s %-24s", mark, s.step)
	if s.attempt > 1 {
		row += fmt.Sprintf(" attempt %d", s.attempt)
	}
	if s.code != "" {
		row += " " + m.style.failed.Render(s.code)
	}
	var facts []string
	if s.elements > 0 {
		facts = append(facts, count(s.elements, "element"))
	}
	if s.from != "" {
		facts = append(facts, s.from)
	}
	facts = append(facts, s.asked()...)
	if s.fuel > 0 {
		facts = append(facts, thousands(s.fuel)+" fuel")
	}
	if s.status == "skipped" {
		facts = append(facts, "skipped")
	} else if duration > 0 && !s.tookNoTime() {
		facts = append(facts, short(duration))
	}
	row += " " + m.style.faint.Render(strings.Join(facts, "  "))
	if s.status == "running" && s.words != "" {
		row += " " + m.style.running.Render("“"+s.words+"”")
	}
	return row
}
